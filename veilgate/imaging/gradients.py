"""Which way the brightness of a picture changes, and where."""

import cv2
import numpy as np
from numpy.typing import NDArray

ORIENTATIONS = 8
# A cosine to this power reaches as far as the next orientation and no further than the one after.
_SHARPNESS = 3
_SMALLEST_PX = 32


def grey_view(view: NDArray[np.uint8], longest_side_px: int) -> NDArray[np.float32]:
    """The brightness (H, W) of an RGB view, brought to this size, at least 32 pixels high and wide."""
    height, width = view.shape[:2]
    scale = longest_side_px / max(width, height)
    size_wh = (max(_SMALLEST_PX, round(width * scale)), max(_SMALLEST_PX, round(height * scale)))
    shrinks = size_wh[0] <= width and size_wh[1] <= height
    grey = cv2.cvtColor(np.ascontiguousarray(view), cv2.COLOR_RGB2GRAY)
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey.astype(np.float32), size_wh, interpolation=method), np.float32)


def gradient_cells(grey: NDArray[np.float32], cell_px: int) -> NDArray[np.float32]:
    """How much `grey` changes in each direction about each point of a grid: (rows, columns, ORIENTATIONS).

    Points are `cell_px` apart; each sums its surroundings, the less the farther, up to the next point.
    """
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    strength = np.sqrt(across * across + down * down)
    softened = 1 / np.maximum(strength, 1e-3) ** (_SHARPNESS - 1)
    fall = 1 - np.abs(np.arange(1 - cell_px, cell_px, dtype=np.float32)) / cell_px
    start = cell_px // 2
    cells = []
    for index in range(ORIENTATIONS):
        angle = 2 * np.pi * index / ORIENTATIONS
        along = np.maximum(across * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle)), 0)
        summed = cv2.sepFilter2D(along**_SHARPNESS * softened, cv2.CV_32F, fall, fall)
        cells.append(summed[start::cell_px, start::cell_px])
    return np.asarray(np.stack(cells, axis=-1), np.float32)
