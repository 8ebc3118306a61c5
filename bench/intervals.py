"""Arithmetic of measurements."""

import math
from collections.abc import Sequence

_Z_95 = 1.959964


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share; right also near 0 and 1, where the textbook one is not."""
    if trials == 0:
        return 0.0, 1.0
    share, square = hits / trials, _Z_95**2
    centre = share + square / (2 * trials)
    spread = _Z_95 * math.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    scale = 1 + square / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def bin_of(value: float, edges: Sequence[float]) -> int | None:
    """The half-open bin [edges[i], edges[i + 1]) that holds `value`; the last one is closed."""
    if not edges[0] <= value <= edges[-1]:
        return None
    return min(sum(value >= edge for edge in edges) - 1, len(edges) - 2)


def iou(one_xyxy: Sequence[float], other_xyxy: Sequence[float]) -> float:
    """Shared area of two boxes by the area of both together."""
    width = min(one_xyxy[2], other_xyxy[2]) - max(one_xyxy[0], other_xyxy[0])
    height = min(one_xyxy[3], other_xyxy[3]) - max(one_xyxy[1], other_xyxy[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (_area(one_xyxy) + _area(other_xyxy) - width * height)


def _area(xyxy: Sequence[float]) -> float:
    return (xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1])
