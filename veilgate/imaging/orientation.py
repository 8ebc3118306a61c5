"""Turning stored pixels upright."""

import struct
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_EXIF_ORIENTATION = 0x0112
UPRIGHT, _FIRST_ASIDE = 1, 5

Turn = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

# EXIF 2.32, tag 274: what undoes each way of holding the camera.
_TURNS: dict[int, Turn] = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation of an opened picture, 1 to 8; anything missing or broken is 1 (upright)."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, UPRIGHT)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error):
        return UPRIGHT
    return value if isinstance(value, int) and value in _TURNS else UPRIGHT


def is_turned_aside(orientation: int) -> bool:
    """Whether turning it upright exchanges width and height."""
    return orientation >= _FIRST_ASIDE


def turn_upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo the orientation; the pixels themselves where there is nothing to undo. Always C-contiguous."""
    turn = _TURNS.get(orientation)
    return np.ascontiguousarray(pixels if turn is None else turn(pixels))
