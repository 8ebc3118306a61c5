"""Of many boxes about the same thing, the best: for answers of thousands of cells and several classes."""

import numpy as np
from numpy.typing import NDArray

# Compared at once with all that were kept: a table of 256 × 3000 is 3 MB.
_BLOCK = 256


def suppress(
    boxes_xyxy: NDArray[np.float32], classes: NDArray[np.intp], *, max_iou: float, most: int
) -> NDArray[np.intp]:
    """Indices to keep of boxes that come best first: none overlaps a better one of its class by more.

    Ends when `most` are kept. In blocks, because one box at a time takes 10 s for 12,000 that all stay, and
    whoever sends noise should not get that.
    """
    kept = np.empty(0, np.intp)
    for first in range(0, len(boxes_xyxy), _BLOCK):
        block = np.arange(first, min(first + _BLOCK, len(boxes_xyxy)))
        hidden = _hides(boxes_xyxy, classes, kept, block, max_iou=max_iou).any(axis=0)
        block = block[~hidden]
        kept = np.concatenate(
            [kept, _best_of(block, _hides(boxes_xyxy, classes, block, block, max_iou=max_iou))]
        )
        if len(kept) >= most:
            break
    return kept[:most]


def _best_of(block: NDArray[np.intp], hides: NDArray[np.bool_]) -> NDArray[np.intp]:
    stays = np.ones(len(block), np.bool_)
    for position in range(len(block)):
        if stays[position]:
            stays[position + 1 :] &= ~hides[position, position + 1 :]
    return block[stays]


def _hides(
    boxes_xyxy: NDArray[np.float32],
    classes: NDArray[np.intp],
    better: NDArray[np.intp],
    worse: NDArray[np.intp],
    *,
    max_iou: float,
) -> NDArray[np.bool_]:
    """Whether each of the `better` (rows) hides each of the `worse` (columns)."""
    x1, y1, x2, y2 = boxes_xyxy[better].T[:, :, np.newaxis]
    other_x1, other_y1, other_x2, other_y2 = boxes_xyxy[worse].T[:, np.newaxis, :]
    shared = np.clip(np.minimum(x2, other_x2) - np.maximum(x1, other_x1), 0, None)
    shared *= np.clip(np.minimum(y2, other_y2) - np.maximum(y1, other_y1), 0, None)
    union = (x2 - x1) * (y2 - y1) + (other_x2 - other_x1) * (other_y2 - other_y1) - shared
    of_one_class = classes[better][:, np.newaxis] == classes[worse][np.newaxis, :]
    return np.asarray((shared > max_iou * union) & of_one_class, np.bool_)
