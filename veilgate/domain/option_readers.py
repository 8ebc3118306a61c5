"""How each option is read, from a form's text or from JSON: one line in `READERS` for each."""

import json
import math
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from veilgate.domain.detections import Box
from veilgate.domain.jobs import Lane
from veilgate.domain.redaction import (
    LARGEST_REGION_COUNT,
    MASK_SCALE_RANGE,
    THRESHOLD_RANGE,
    BlurStyle,
    MaskShape,
    MetadataPolicy,
)
from veilgate.domain.rejections import InvalidOption

Reader = Callable[[str, Any], object]

_TRUTH = {"true": True, "1": True, "false": False, "0": False}
# A class name as models have them: `face`, `license plate`, `Car-2`.
_CLASS_NAME = re.compile(r"[\w][\w .\-]{0,59}")
_MOST_CLASSES = 32
# Far beyond any picture, and still exact in a float.
_LARGEST_COORDINATE = 1_000_000


def _choice(kind: type[StrEnum]) -> Reader:
    def read(name: str, value: Any) -> object:
        try:
            return kind(value)
        except ValueError:
            raise InvalidOption(f"{name} must be one of: {', '.join(kind)}.") from None

    return read


def _number(low: float, high: float) -> Reader:
    def read(name: str, value: Any) -> float:
        number = math.nan
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            try:
                number = float(value)
            except (ValueError, OverflowError):
                number = math.nan
        if not low <= number <= high:
            raise InvalidOption(f"{name} must be a number from {low:g} to {high:g}.")
        return number

    return read


def _truth(name: str, value: Any) -> bool:
    found = value if isinstance(value, bool) else _TRUTH.get(str(value).lower())
    if found is None:
        raise InvalidOption(f"{name} must be true or false.")
    return found


def _class_names(name: str, value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not 0 < len(parts) <= _MOST_CLASSES:
        raise InvalidOption(f"{name} must name 1 to {_MOST_CLASSES} classes, with commas between them.")
    names = [part.strip() if isinstance(part, str) else "" for part in parts]
    if not all(_CLASS_NAME.fullmatch(one) for one in names):
        raise InvalidOption(f"{name} must name classes such as face, with commas between them.")
    return tuple(dict.fromkeys(names))


def _regions(name: str, value: Any) -> tuple[Box, ...]:
    form = f"{name} must be a JSON list of at most {LARGEST_REGION_COUNT} boxes [x1, y1, x2, y2] in pixels"
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise InvalidOption(f"{form}.") from None
    if not isinstance(value, list) or len(value) > LARGEST_REGION_COUNT:
        raise InvalidOption(f"{form}.")
    return tuple(_box(corners, form) for corners in value)


def _box(corners: Any, form: str) -> Box:
    is_four = isinstance(corners, list) and len(corners) == 4
    if not is_four or not all(type(corner) in (int, float) for corner in corners):
        raise InvalidOption(f"{form}.")
    if not all(0 <= corner <= _LARGEST_COORDINATE for corner in corners):
        raise InvalidOption(f"{form}, none of them negative.")
    box = Box(*map(float, corners))
    if box.x2 <= box.x1 or box.y2 <= box.y1:
        raise InvalidOption(f"{form}, with x1 < x2 and y1 < y2.")
    return box


def as_plain(value: object) -> object:
    """An option's value as JSON has it."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Box):
        return value.as_list()
    if isinstance(value, tuple):
        return [as_plain(one) for one in value]
    return value


READERS: dict[str, Reader] = {
    "blur_style": _choice(BlurStyle),
    "mask_shape": _choice(MaskShape),
    "mask_scale": _number(*MASK_SCALE_RANGE),
    "blur_targets": _class_names,
    "face_threshold": _number(*THRESHOLD_RANGE),
    "vehicle_threshold": _number(*THRESHOLD_RANGE),
    "keep_regions": _regions,
    "extra_regions": _regions,
    "min_box_fraction": _number(0, 1),
    "max_box_fraction": _number(0, 1),
    "metadata": _choice(MetadataPolicy),
    "verify": _truth,
    "lookups": _truth,
    "priority": _choice(Lane),
}
