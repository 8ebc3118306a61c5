"""Which of the things that were found are veiled, under a caller's options."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from veilgate.domain.detections import Box, Detection
from veilgate.domain.options import UploadOptions

# Of a detection's own area, within one single keep region.
_KEPT_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class RegionChoice:
    """Each detection is in exactly one of these, in the order in which they came."""

    veiled: tuple[Detection, ...]
    kept: tuple[Detection, ...]
    too_small: tuple[Detection, ...]
    too_large: tuple[Detection, ...]


def choose_regions(
    detections: Iterable[Detection], *, options: UploadOptions, size_wh: tuple[int, int]
) -> RegionChoice:
    """Sort detections into veiled ones and those that the caller's options leave alone.

    A detection is left alone when its longer side, as a fraction of the picture's, is below
    `min_box_fraction` or above `max_box_fraction`, or when at least half of its area lies within one keep
    region. A keep region is no shield: the veil of a neighbour may reach into it. `extra_regions` are no
    detections: they are veiled whatever is kept, exactly as drawn. What cannot be judged (a box that is not
    finite) is never left alone.
    """
    veiled: list[Detection] = []
    kept: list[Detection] = []
    too_small: list[Detection] = []
    too_large: list[Detection] = []
    for detection in detections:
        box = detection.box
        fraction = _fraction(box, size_wh)
        if not all(map(math.isfinite, (box.x1, box.y1, box.x2, box.y2))):
            veiled.append(detection)
        elif fraction < options.min_box_fraction:
            too_small.append(detection)
        elif fraction > options.max_box_fraction:
            too_large.append(detection)
        elif any(covered_share(box, region) >= _KEPT_SHARE for region in options.keep_regions):
            kept.append(detection)
        else:
            veiled.append(detection)
    return RegionChoice(tuple(veiled), tuple(kept), tuple(too_small), tuple(too_large))


def _fraction(box: Box, size_wh: tuple[int, int]) -> float:
    """Longer side by longer side, 0 to 1: a box that sticks out of the picture is as large as the picture."""
    return min(max(box.width, box.height, 0.0) / max(size_wh), 1.0)


def covered_share(box: Box, region: Box) -> float:
    """Which part of the box's area lies within the region; 0 for a box without any."""
    width = min(region.x2, box.x2) - max(region.x1, box.x1)
    height = min(region.y2, box.y2) - max(region.y1, box.y1)
    if not (width > 0 and height > 0 and box.width > 0 and box.height > 0):
        return 0.0
    return (width / box.width) * (height / box.height)
