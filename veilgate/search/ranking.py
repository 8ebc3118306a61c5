"""Which candidates are likest: exact scores, whatever part of an index a row lies in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veilgate.search.identifiers import unpack
from veilgate.search.ports import Hit, Vector
from veilgate.search.tail import Rows
from veilgate.search.view import Candidates, Part

# What a float32 sum over some thousand products may be off by: BLAS adds in an order that depends on how many
# rows there are. Whoever is this close to the last place is scored again in float64.
_ROUNDING = 1e-5
_SPARSE = 3
_LOWEST = -2.0  # below every cosine, and above the -inf of those who are out


@dataclass(frozen=True, slots=True)
class Contenders:
    """Rows of one part that may be among the likest of a query, with scores to within rounding."""

    part: Part
    rows: Rows
    scores: Vector


def has_direction(vector: Vector) -> bool:
    """Without one there is no angle to compare; and NaN would be likest to everything."""
    length = float(np.dot(vector, vector))
    return 0 < length < float("inf")


def score_all(candidates: Candidates, queries: Vector) -> Vector:
    """One row for each query, one column for each candidate."""
    rows, vectors = candidates.rows, candidates.part.vectors
    if isinstance(rows, slice):
        return _products(queries, vectors[rows])
    first, last = int(rows[0]), int(rows[-1])
    if last - first < _SPARSE * len(rows):
        # Scores of some rows too many cost less than copies of all the others' vectors.
        return _products(queries, vectors[first : last + 1])[:, rows - first]
    return _products(queries, vectors[rows])


def _products(queries: Vector, vectors: Vector) -> Vector:
    products: Vector = queries @ vectors.T
    return products


def contend(candidates: Candidates, scores: Vector, k: int) -> Contenders:
    """Those that may be among the first `k`; whose score is -inf is out."""
    places = np.flatnonzero(scores >= _least(scores, k))
    rows = candidates.rows
    numbers = places + rows.start if isinstance(rows, slice) else rows[places]
    return Contenders(candidates.part, numbers, scores[places])


def best(found: Sequence[Contenders], query: Vector, k: int) -> tuple[Hit, ...]:
    """The first `k` by exact cosine, then by `seq`."""
    if not found:
        return ()
    least = _least(np.concatenate([each.scores for each in found]), k)
    exact: list[NDArray[np.float64]] = []
    seqs: list[NDArray[np.int64]] = []
    ids: list[bytes] = []
    for each in found:
        rows = each.rows[each.scores >= least]
        exact.append(_cosines(each.part.vectors[rows], query))
        seqs.append(each.part.seqs[rows])
        ids += [one.tobytes() for one in each.part.ids[rows]]
    all_scores, all_seqs = np.concatenate(exact), np.concatenate(seqs)
    order = np.lexsort((all_seqs, -all_scores))[:k]
    return tuple(
        Hit(unpack(ids[place]), float(all_scores[place]), int(all_seqs[place])) for place in order.tolist()
    )


def _least(scores: Vector, k: int) -> float:
    """What a score must be at least to be possibly among the `k` highest."""
    if len(scores) <= k:
        return _LOWEST
    return max(float(np.partition(scores, -k)[-k]) - _ROUNDING, _LOWEST)


def _cosines(vectors: Vector, query: Vector) -> NDArray[np.float64]:
    """Summed row by row in float64, so that a score does not depend on what lies beside it."""
    wide, q = vectors.astype(np.float64), query.astype(np.float64)
    lengths = np.sqrt((wide * wide).sum(axis=1)) * np.sqrt((q * q).sum())
    cosines: NDArray[np.float64] = np.clip((wide * q).sum(axis=1) / lengths, -1.0, 1.0)
    return cosines
