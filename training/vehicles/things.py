"""Things that are no vehicles: shapes of any form and surface, laid in front of what is there.

A network that knows only streets takes whatever is large, whole and in the middle for a car.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.pictures import Pixels

Rng = np.random.Generator

_LEAST_SIDE_PX = 4


def outline(size_wh: tuple[int, int], rng: Rng) -> NDArray[np.float32]:
    """How much of each pixel the thing covers, 0 to 1: a block, an ellipse, or a polygon of a few corners."""
    width, height = size_wh
    mask = np.zeros((height, width), np.uint8)
    form = int(rng.integers(3))
    if form == 0:
        mask[:] = 255
    elif form == 1:
        centre, axes = (width // 2, height // 2), (max(1, width // 2 - 1), max(1, height // 2 - 1))
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    else:
        corners = rng.random((int(rng.integers(4, 10)), 2)) * (width - 1, height - 1)
        cv2.fillConvexPoly(mask, cv2.convexHull(corners.astype(np.int32)), 255, cv2.LINE_AA)
    return mask.astype(np.float32) / np.float32(255)


def surface(size_wh: tuple[int, int], cloth: Pixels, rng: Rng) -> Pixels:
    """A colour, which may fade into another, or a piece of `cloth`."""
    if rng.random() < 0.5:
        return _piece(cloth, size_wh, rng)
    ends = rng.integers(0, 256, (2, 3)).astype(np.float32)
    if rng.random() < 0.5:
        ends[1] = ends[0]
    line = np.linspace(0, 1, max(size_wh), dtype=np.float32)[:, None]
    fading = np.asarray(ends[0] * (1 - line) + ends[1] * line, np.uint8)
    along = fading[None] if rng.random() < 0.5 else fading[:, None]
    return np.asarray(cv2.resize(along, size_wh), np.uint8)


def _piece(cloth: Pixels, size_wh: tuple[int, int], rng: Rng) -> Pixels:
    sides = [max(_LEAST_SIDE_PX, int(side * rng.uniform(0.2, 1))) for side in cloth.shape[:2]]
    top, left = (
        int(rng.integers(0, whole - side + 1)) for whole, side in zip(cloth.shape[:2], sides, strict=True)
    )
    return np.asarray(cv2.resize(cloth[top : top + sides[0], left : left + sides[1]], size_wh), np.uint8)
