"""What a caller may ask for with an upload: parsed from form fields, echoed in results, stored as JSON."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from veilgate.domain.errors import InvalidOption, UnknownField
from veilgate.domain.jobs import Lane
from veilgate.domain.redaction import (
    DEFAULT_MASK_SCALE,
    FACE_THRESHOLD_RANGE,
    MASK_SCALE_RANGE,
    BlurStyle,
    RedactionPolicy,
)


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """A field that is None was not given: the gateway's default applies."""

    blur_style: BlurStyle = BlurStyle.MOSAIC
    mask_scale: float = DEFAULT_MASK_SCALE
    face_threshold: float | None = None
    priority: Lane | None = None

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> "UploadOptions":
        """Read form fields. Raises `UnknownField` or `InvalidOption`, naming the field and what it takes."""
        values: dict[str, Any] = {}
        for name, text in fields.items():
            reader = _READERS.get(name)
            if reader is None:
                raise UnknownField(f"Unknown field {_shown(name)}; known are: file, {', '.join(_READERS)}.")
            values[name] = reader(name, text)
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> "UploadOptions":
        return cls.parse({name: str(value) for name, value in json.loads(text).items() if value is not None})

    def as_dict(self) -> dict[str, Any]:
        return {
            "blur_style": self.blur_style.value,
            "mask_scale": self.mask_scale,
            "face_threshold": self.face_threshold,
            "priority": self.priority.value if self.priority else None,
        }

    def as_json(self) -> str:
        return json.dumps(self.as_dict(), sort_keys=True)

    @property
    def policy(self) -> RedactionPolicy:
        return RedactionPolicy(
            style=self.blur_style, mask_scale=self.mask_scale, face_threshold=self.face_threshold
        )


def _choice(kind: type[BlurStyle] | type[Lane]) -> Callable[[str, str], object]:
    def read(name: str, text: str) -> object:
        try:
            return kind(text)
        except ValueError:
            raise InvalidOption(f"{name} must be one of: {', '.join(kind)}.") from None

    return read


def _number(low: float, high: float) -> Callable[[str, str], float]:
    def read(name: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise InvalidOption(f"{name} must be a number from {low} to {high}.")
        return value

    return read


def _shown(name: str) -> str:
    return repr(name[:60])


_READERS: dict[str, Callable[[str, str], object]] = {
    "blur_style": _choice(BlurStyle),
    "mask_scale": _number(*MASK_SCALE_RANGE),
    "face_threshold": _number(*FACE_THRESHOLD_RANGE),
    "priority": _choice(Lane),
}
