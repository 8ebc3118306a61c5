"""Bring a picture to another size."""

import cv2
import numpy as np
from numpy.typing import NDArray


def use_calling_thread_only() -> None:
    """Keep every OpenCV call of this process on the thread that makes it."""
    cv2.setNumThreads(1)


def resize(pixels: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """The whole picture at `size_wh`. The result may be `pixels` itself when the size is already right.

    Shrinking averages over areas, so that small things fade instead of flickering away between samples.
    """
    height, width = pixels.shape[:2]
    if (width, height) == size_wh:
        return pixels
    shrinks = size_wh[0] <= width and size_wh[1] <= height
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: NDArray[np.uint8] = cv2.resize(pixels, size_wh, interpolation=method)
    return resized
