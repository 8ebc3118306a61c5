"""What scores are worth: the curve of precision over recall, in numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WorkingPoint:
    """The lowest score at which enough of the finds are right, and the share of the boxes found with it.
    `from_score` is None where there is no such score; then nothing is found."""

    recall: float
    from_score: float | None


def average_precision(scores: Floats, is_right: NDArray[np.bool_], *, boxes: int) -> float | None:
    """The area below the curve, every point of it counted, precision taken as the best at that recall or a
    higher one. None where there are no boxes. Finds of one score count together: no threshold parts them."""
    if boxes == 0:
        return None
    recalls, precisions, _ = _curve(scores, is_right, boxes)
    best = np.maximum.accumulate(precisions[::-1])[::-1]
    return float((np.diff(recalls, prepend=0.0) * best).sum())


def working_point(
    scores: Floats, is_right: NDArray[np.bool_], *, boxes: int, min_precision: float
) -> WorkingPoint | None:
    """Where as much as possible is found while at least `min_precision` of the finds are right."""
    if boxes == 0:
        return None
    recalls, precisions, ends = _curve(scores, is_right, boxes)
    good = np.flatnonzero(precisions >= min_precision)
    if not good.size:
        return WorkingPoint(0.0, None)
    return WorkingPoint(float(recalls[good[-1]]), float(ends[good[-1]]))


def _curve(scores: Floats, is_right: NDArray[np.bool_], boxes: int) -> tuple[Floats, Floats, Floats]:
    """Recall, precision and score where each score ends, from the highest score down."""
    order = np.argsort(-scores, kind="stable")
    falling, right = scores[order], np.cumsum(is_right[order])
    ends = np.flatnonzero(np.diff(falling, append=-np.inf))
    return right[ends] / boxes, right[ends] / (ends + 1.0), falling[ends]
