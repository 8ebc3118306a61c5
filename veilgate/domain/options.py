"""What a caller may ask for with a picture: parsed, checked, echoed in results, stored as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from veilgate.domain.detections import Box
from veilgate.domain.jobs import Lane
from veilgate.domain.option_readers import READERS, as_plain
from veilgate.domain.redaction import (
    DEFAULT_MASK_SCALE,
    BlurStyle,
    MaskShape,
    MetadataPolicy,
    RedactionPolicy,
)
from veilgate.domain.rejections import InvalidOption, UnknownField


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """A field that is None was not given: the house's default applies.

    Boxes and regions are in pixels of the upright picture. Fractions compare the longer side of a found box
    with the longer side of the picture.
    """

    blur_style: BlurStyle = BlurStyle.MOSAIC
    mask_shape: MaskShape = MaskShape.ELLIPSE
    mask_scale: float = DEFAULT_MASK_SCALE
    blur_targets: tuple[str, ...] | None = None
    face_threshold: float | None = None
    vehicle_threshold: float | None = None
    keep_regions: tuple[Box, ...] = ()
    extra_regions: tuple[Box, ...] = ()
    min_box_fraction: float = 0.0
    max_box_fraction: float = 1.0
    metadata: MetadataPolicy = MetadataPolicy.STRIP
    verify: bool = False
    # Whether the subject is looked up on the web, once the picture is veiled.
    lookups: bool = False
    priority: Lane | None = None

    def __post_init__(self) -> None:
        if self.min_box_fraction > self.max_box_fraction:
            raise InvalidOption("min_box_fraction must not be above max_box_fraction.")

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> "UploadOptions":
        """Read form fields (texts) or the members of a JSON object.

        Raises `UnknownField` or `InvalidOption`, naming the field and what it takes.
        """
        values: dict[str, Any] = {}
        for name, value in given.items():
            reader = READERS.get(name)
            if reader is None:
                raise UnknownField(f"Unknown field {name[:60]!r}; known are: file, {', '.join(READERS)}.")
            if value is not None:
                values[name] = reader(name, value)
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> "UploadOptions":
        return cls.parse(json.loads(text))

    def as_dict(self) -> dict[str, Any]:
        return {field.name: as_plain(getattr(self, field.name)) for field in fields(self)}

    def as_json(self) -> str:
        return json.dumps(self.as_dict(), sort_keys=True)

    @property
    def policy(self) -> RedactionPolicy:
        return RedactionPolicy(style=self.blur_style, shape=self.mask_shape, mask_scale=self.mask_scale)
