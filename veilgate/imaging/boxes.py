"""Arithmetic on boxes: half-open `xyxy`, in pixels of the upright picture. Arrays of boxes are (N, 4)."""

import math

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Box


def pad_box(box: Box, scale: float, size_wh: tuple[int, int]) -> Box:
    """Widen about the centre by `scale`, round outward to whole pixels, clip to the picture.

    A box wholly outside the picture, or one whose sides are swapped, becomes an empty box on its edge.
    Raises ValueError for a box that is not finite: what it was meant to veil cannot be known.
    """
    if not all(map(math.isfinite, (box.x1, box.y1, box.x2, box.y2))):
        raise ValueError("A box must be finite.")
    x1, x2 = _pad_interval(box.x1, box.x2, scale=scale, limit=size_wh[0])
    y1, y2 = _pad_interval(box.y1, box.y2, scale=scale, limit=size_wh[1])
    return Box(x1, y1, x2, y2)


def _pad_interval(low: float, high: float, *, scale: float, limit: int) -> tuple[int, int]:
    centre, half = (low + high) / 2, (high - low) / 2 * scale
    # A centre computed in floats may fall short of the true edge: at scale 1 the box itself must be held.
    first, last = math.floor(min(low, centre - half)), math.ceil(max(high, centre + half))
    first, last = min(max(first, 0), limit), min(max(last, 0), limit)
    return (first, last) if low <= high else (first, first)


def is_empty(box: Box) -> bool:
    return box.x2 <= box.x1 or box.y2 <= box.y1


def clip_boxes(boxes_xyxy: NDArray[np.float32], size_wh: tuple[int, int]) -> NDArray[np.float32]:
    """Cut boxes off at the picture's edges; one wholly outside becomes empty."""
    width, height = size_wh
    limits_xyxy = np.array([width, height, width, height], np.float32)
    return np.clip(boxes_xyxy, np.float32(0), limits_xyxy)


def scale_boxes(
    boxes_xyxy: NDArray[np.float32], *, from_wh: tuple[int, int], to_wh: tuple[int, int]
) -> NDArray[np.float32]:
    """Carry boxes from a picture of one size to the same picture at another size."""
    factor_x, factor_y = to_wh[0] / from_wh[0], to_wh[1] / from_wh[1]
    return boxes_xyxy * np.array([factor_x, factor_y, factor_x, factor_y], np.float32)


def non_max_suppression(
    boxes_xyxy: NDArray[np.float32], scores: NDArray[np.float32], *, max_iou: float
) -> NDArray[np.intp]:
    """Indices of the boxes to keep, best score first: none overlaps a better one by more than `max_iou`."""
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while waiting.size:
        best, waiting = int(waiting[0]), waiting[1:]
        kept.append(best)
        waiting = waiting[_iou(boxes_xyxy[best], boxes_xyxy[waiting]) <= max_iou]
    return np.array(kept, np.intp)


def _iou(box_xyxy: NDArray[np.float32], boxes_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Overlap of one box with each of many: shared area by area of both together; 0 where both are empty."""
    shared = shared_areas(box_xyxy, boxes_xyxy)
    union = areas_of(box_xyxy[None])[0] + areas_of(boxes_xyxy) - shared
    return np.asarray(shared / np.maximum(union, np.finfo(np.float32).tiny), np.float32)


def shared_areas(box_xyxy: NDArray[np.float32], boxes_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much of one box lies within each of many, in square pixels."""
    top_left = np.maximum(box_xyxy[:2], boxes_xyxy[:, :2])
    bottom_right = np.minimum(box_xyxy[2:], boxes_xyxy[:, 2:])
    return np.asarray(np.clip(bottom_right - top_left, 0, None).prod(axis=1), np.float32)


def areas_of(boxes_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).prod(axis=1), np.float32)
