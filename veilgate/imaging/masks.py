"""Which pixels are veiled for a padded box."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Box
from veilgate.domain.redaction import MaskShape


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The rectangle of the picture that a mask lies in, and which of its pixels it covers (None = all)."""

    x1: int
    y1: int
    x2: int
    y2: int
    inside: NDArray[np.bool_] | None


def mask_around(padded: Box, shape: MaskShape, size_wh: tuple[int, int]) -> Mask:
    """The mask of a padded box (whole pixels, not empty, within the picture): all of it is covered."""
    if shape is MaskShape.BOX:
        return Mask(int(padded.x1), int(padded.y1), int(padded.x2), int(padded.y2), inside=None)
    return _ellipse_around(padded, size_wh)


def _ellipse_around(padded: Box, size_wh: tuple[int, int]) -> Mask:
    """The ellipse through the box's corners, clipped to the picture; a pixel counts by its centre."""
    centre_x, centre_y = (padded.x1 + padded.x2) / 2, (padded.y1 + padded.y2) / 2
    radius_x, radius_y = padded.width / 2 * math.sqrt(2), padded.height / 2 * math.sqrt(2)
    x1, x2 = max(0, math.floor(centre_x - radius_x)), min(size_wh[0], math.ceil(centre_x + radius_x))
    y1, y2 = max(0, math.floor(centre_y - radius_y)), min(size_wh[1], math.ceil(centre_y + radius_y))
    across = ((np.arange(x1, x2) + 0.5 - centre_x) / radius_x) ** 2
    down = ((np.arange(y1, y2) + 0.5 - centre_y) / radius_y) ** 2
    return Mask(x1, y1, x2, y2, inside=across[None, :] + down[:, None] <= 1)
