"""Small copies of a picture."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from veilgate.domain.pictures import PictureFormat
from veilgate.imaging.colours import on_white
from veilgate.imaging.picture import Picture


def thumbnail(picture: Picture, *, max_side_px: int) -> Picture:
    """A copy whose longer side is at most `max_side_px`: never enlarged, JPEG, on white if transparent."""
    opaque = picture.pixels if picture.alpha is None else on_white(picture.pixels, picture.alpha)
    return Picture(_shrink(opaque, max_side_px), alpha=None, format=PictureFormat.JPEG)


def thumbnails(picture: Picture, sizes_px: Sequence[int]) -> list[Picture]:
    """One copy for each longest side, in the order asked; each is made from the next larger one."""
    made: dict[int, Picture] = {}
    source = picture
    for max_side_px in sorted(set(sizes_px), reverse=True):
        source = made[max_side_px] = thumbnail(source, max_side_px=max_side_px)
    return [made[max_side_px] for max_side_px in sizes_px]


def _shrink(pixels: NDArray[np.uint8], max_side_px: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = max_side_px / max(width, height)
    if scale >= 1:
        return pixels.copy()
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
