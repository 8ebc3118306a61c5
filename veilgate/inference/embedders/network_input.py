"""From a view of any shape to what a network takes."""

import numpy as np
from numpy.typing import NDArray

from veilgate.imaging.resample import resize
from veilgate.inference.embedding_spec import EmbeddingSpec, Fit


def network_input(
    view: NDArray[np.uint8], size_wh: tuple[int, int], spec: EmbeddingSpec
) -> NDArray[np.float32]:
    """(1, 3, height, width), as the network was trained to see."""
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    match spec.fit:
        case Fit.SQUEEZE:
            fitted = resize(view, size_wh)
        case Fit.CROP:
            fitted = resize(_middle(view, size_wh), size_wh)
        case Fit.PAD:
            fitted = _padded(view, size_wh, colour=np.round(mean * 255).astype(np.uint8))
    levels = (fitted.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(levels.transpose(2, 0, 1)[np.newaxis], np.float32)


def _middle(view: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """The largest part about the centre that has the proportions of `size_wh`."""
    height, width = view.shape[:2]
    scale = min(width / size_wh[0], height / size_wh[1])
    wide, high = max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale))
    left, top = (width - wide) // 2, (height - high) // 2
    return view[top : top + high, left : left + wide]


def _padded(
    view: NDArray[np.uint8], size_wh: tuple[int, int], *, colour: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    height, width = view.shape[:2]
    scale = min(size_wh[0] / width, size_wh[1] / height)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (size_wh[0] - wide) // 2, (size_wh[1] - high) // 2
    canvas = np.empty((size_wh[1], size_wh[0], 3), np.uint8)
    canvas[:] = colour
    canvas[top : top + high, left : left + wide] = resize(view, (wide, high))
    return canvas


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row at length one; one that has no direction becomes NaN."""
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(rows / lengths, np.float32)
