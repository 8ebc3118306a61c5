"""Candidates that an approximation proposes, where there are too many to compare them all."""

import numpy as np

from veilgate.search.approximation import Approximation, Bitmap, depth_for
from veilgate.search.ports import Vector
from veilgate.search.ranking import Contenders
from veilgate.search.segment import Segment
from veilgate.search.view import Candidates


def approximation_of(candidates: Candidates, owner_id: str) -> Approximation | None:
    part = candidates.part
    return part.approximations.get(owner_id) if isinstance(part, Segment) else None


def propose(candidates: Candidates, queries: Vector, *, owner_id: str, k: int) -> list[Contenders] | None:
    """The likest of a part for each query; None where all of it is to be compared: it has no approximation,
    too few of its rows are wanted, or fewer came up than there are places."""
    approximation = approximation_of(candidates, owner_id)
    if approximation is None:
        return None
    effort = approximation.effort_for(k, share=candidates.count / approximation.count)
    if effort is None:
        return None
    assert isinstance(candidates.part, Segment)
    start = candidates.part.owners[owner_id].start
    allowed = _allowed(candidates, start, approximation.count)
    proposed = approximation.propose(queries, depth=depth_for(k), effort=effort, allowed=allowed)
    if ((proposed >= 0).sum(axis=1) < min(k, candidates.count)).any():
        return None
    found: list[Contenders] = []
    for query, numbers in zip(queries, proposed, strict=True):
        rows = numbers[numbers >= 0] + start
        found.append(Contenders(candidates.part, rows, candidates.part.vectors[rows] @ query))
    return found


def _allowed(candidates: Candidates, start: int, count: int) -> Bitmap | None:
    """Which rows of the approximation are candidates, one bit each; None where all are."""
    if candidates.count == count:
        return None
    if candidates.bitmap is not None:
        return candidates.bitmap
    is_allowed = np.zeros(count, bool)
    rows = candidates.rows
    if isinstance(rows, slice):
        is_allowed[rows.start - start : rows.stop - start] = True
    else:
        is_allowed[rows - start] = True
    return np.packbits(is_allowed, bitorder="little")
