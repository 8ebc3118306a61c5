"""Which finds are right: each against the boxes that are known to be there, best score first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# A find that lies so far within a box that is not judged says nothing of the model, whatever their sizes.
EXCUSED_PART = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One picture: finds, best first, against boxes that are there, and how far each find is excused.

    `ious` is (finds, boxes). `excused_ious` and `excused_parts` are each find's largest overlap with a box
    that is not judged: shared area by that of both, and by its own. `sizes` are the sizes of the boxes.
    """

    scores: Floats
    ious: Floats
    excused_ious: Floats
    excused_parts: Floats
    sizes: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """Many pictures, judged: the finds that count, and for each box the score it was found at (else -inf)."""

    scores: Floats
    is_right: NDArray[np.bool_]
    found_at: Floats
    sizes: Floats


def make_case(
    scores: Floats, finds_xyxy: Floats, boxes_xyxy: Floats, *, excuses_xyxy: Floats, sizes: Floats
) -> Case:
    """Finds in any order; boxes are (n, 4), in one unit."""
    order = np.argsort(-scores, kind="stable")
    ious, _ = _overlaps(finds_xyxy[order], boxes_xyxy)
    excused_ious, excused_parts = _overlaps(finds_xyxy[order], excuses_xyxy)
    return Case(
        scores[order],
        ious,
        excused_ious.max(axis=1, initial=0),
        excused_parts.max(axis=1, initial=0),
        sizes,
    )


def judge(cases: Sequence[Case], *, min_iou: float) -> Ledger:
    """Each find takes the box that it overlaps most of those that are free, if by at least `min_iou`; one
    that gets none is wrong, unless it overlaps so far, or lies mainly within, a box that is not judged."""
    scores, rights, found_at = [], [], []
    for case in cases:
        takers = takers_of(case.ious, min_iou)
        is_right = np.zeros(len(case.scores), np.bool_)
        is_right[takers[takers >= 0]] = True
        is_excused = (case.excused_ious >= min_iou) | (case.excused_parts >= EXCUSED_PART)
        counts = is_right | ~is_excused
        scores.append(case.scores[counts])
        rights.append(is_right[counts])
        found_at.append(np.array([case.scores[taker] if taker >= 0 else -np.inf for taker in takers]))
    none = np.empty(0)
    return Ledger(
        np.concatenate([none, *scores]),
        np.concatenate([none, *rights]).astype(np.bool_),
        np.concatenate([none, *found_at]),
        np.concatenate([none, *(case.sizes for case in cases)]),
    )


def takers_of(ious: Floats, min_iou: float) -> NDArray[np.intp]:
    """For each box (a column) the find (a row, the surest first) that takes it, or -1."""
    takers = np.full(ious.shape[1], -1, np.intp)
    for find in np.flatnonzero((ious >= min_iou).any(axis=1)):
        free = np.where(takers < 0, ious[find], -1)
        box = int(free.argmax())
        if free[box] >= min_iou:
            takers[box] = find
    return takers


def together(ledgers: Sequence[Ledger]) -> Ledger:
    """What was judged apart, as one."""
    none = Ledger(np.empty(0), np.empty(0, np.bool_), np.empty(0), np.empty(0))
    every = (none, *ledgers)
    return Ledger(
        np.concatenate([one.scores for one in every]),
        np.concatenate([one.is_right for one in every]),
        np.concatenate([one.found_at for one in every]),
        np.concatenate([one.sizes for one in every]),
    )


def _overlaps(finds_xyxy: Floats, boxes_xyxy: Floats) -> tuple[Floats, Floats]:
    """Area that each find (rows) shares with each box (columns), by that of both and by the find's own."""
    corners = np.maximum(finds_xyxy[:, None, :2], boxes_xyxy[None, :, :2])
    ends = np.minimum(finds_xyxy[:, None, 2:], boxes_xyxy[None, :, 2:])
    shared = np.clip(ends - corners, 0, None).prod(axis=2)
    own = (finds_xyxy[:, 2:] - finds_xyxy[:, :2]).prod(axis=1)[:, None]
    others = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).prod(axis=1)[None, :]
    tiny = np.finfo(np.float64).tiny
    return shared / np.maximum(own + others - shared, tiny), shared / np.maximum(own, tiny)
