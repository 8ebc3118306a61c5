"""Which of many rows may be likest: a graph over one byte for each dimension, or lists if that fails."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veilgate.search.ports import Vector
from veilgate.search.tail import Rows
from veilgate.telemetry.usable_cores import usable_cores

_CORES = usable_cores()
# Links of each row, and how far around a new one they are looked for. 32 and 100: recall@10 0.997 of 100,000
# rows with 512 dimensions at an effort of 256, built in half the time that 32 and 200 take.
_LINKS = 32
_BUILD_EFFORT = 100
_LEAST_EFFORT = 256
MOST_EFFORT = 4096
# A graph over a million rows takes fifteen times as long to build as lists, and must be looked through so far
# for the same recall that lists are about as quick.
LISTS_FROM = 500_000
_ROWS_FOR_EACH_LIST = 39 * 4
_TRAINED_ON = 50_000
# Judged by so many queries at their first ten places.
_SAMPLE = 256
_NO_DIFFERENCE = 1e-3
# A cosine of 0.9 or so.
_BESIDE = 0.5
_PLACES = 10
_WANTED_RECALL = 0.99
_BLOCK = 2048
_COMPARED = 16_384
_ROUNDING = 1e-5

Bitmap = NDArray[np.uint8]


class Stopped(Exception):
    """Whoever wanted the approximation wants it no more."""


class Approximation:
    """Proposes those rows of a block of vectors that may be likest. What it says of scores is forgotten: the
    vectors themselves decide. `effort` is how hard it must look for nearly all of them, found by trying."""

    def __init__(self, index: Any, *, effort: int) -> None:
        self._index = index
        self._is_graph = hasattr(index, "hnsw")
        self.effort = effort

    @property
    def count(self) -> int:
        return int(self._index.ntotal)

    def effort_for(self, k: int, *, share: float) -> int | None:
        """How hard to look for `k` places among this share of the rows, so that as many of those are met as
        would be of all; None where comparing them one by one is less work."""
        depth = depth_for(k)
        if self._is_graph:
            effort = round(max(self.effort, 2 * depth) / share)
            return effort if effort <= MOST_EFFORT else None
        lists: int = round(self.effort * max(1.0, k / _PLACES) ** 0.5 / share)
        return min(lists, int(self._index.nlist))

    def propose(self, queries: Vector, *, depth: int, effort: int, allowed: Bitmap | None = None) -> Rows:
        """`depth` rows for each query, -1 for those that were not found; of the `allowed` alone, if given."""
        faiss = _faiss()
        # Each thread of ours has its own setting, and a team of OpenMP's for it.
        faiss.omp_set_num_threads(threads_for(len(queries)))
        selector = None if allowed is None else faiss.IDSelectorBitmap(allowed)
        _, rows = self._index.search(queries, depth, params=self._parameters(effort, selector))
        return np.asarray(rows, np.int64)

    def as_bytes(self) -> NDArray[np.uint8]:
        return np.asarray(_faiss().serialize_index(self._index))

    def _parameters(self, effort: int, selector: object) -> object:
        faiss = _faiss()
        chosen = {} if selector is None else {"sel": selector}
        if self._is_graph:
            return faiss.SearchParametersHNSW(efSearch=effort, **chosen)
        return faiss.SearchParametersIVF(nprobe=effort, **chosen)


def approximation_from(data: NDArray[np.uint8], *, effort: int) -> Approximation:
    return Approximation(_faiss().deserialize_index(data), effort=effort)


def approximate(vectors: Vector, *, threads: int, is_stopped: Callable[[], bool]) -> Approximation:
    """One that finds nearly all of the likest: a graph, unless that is too large or finds too little, as
    where thousands of vectors are the same. Raises `Stopped`."""
    faiss = _faiss()
    faiss.omp_set_num_threads(threads)
    kinds = [_empty_lists] if len(vectors) >= LISTS_FROM else [_empty_graph, _empty_lists]
    for empty in kinds:
        index = empty(vectors)
        for start in range(0, len(vectors), _BLOCK):
            if is_stopped():
                raise Stopped
            index.add(vectors[start : start + _BLOCK])
        effort = _effort_needed(index, vectors)
        if effort is not None:
            return Approximation(index, effort=effort)
    raise AssertionError("all lists together hold everything")


def _faiss() -> Any:
    """Loaded where it is needed; its own stubs know half of it."""
    # What it tries before it finds the code for this processor is no news.
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)
    import faiss

    return faiss


def threads_for(queries: int) -> int:
    """For a few queries one: a team costs more than it saves. Never all cores: where others want them too, a
    team waits, spinning, for its last member (32 queries at 30,000 rows on two busy cores: 22 ms with two
    threads, 12 ms with one)."""
    return max(1, min(queries // 8, _CORES // 2))


def _empty_graph(vectors: Vector) -> Any:
    faiss = _faiss()
    codes = faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexHNSWSQ(vectors.shape[1], codes, _LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _BUILD_EFFORT
    index.train(_sample(vectors, _TRAINED_ON))
    return index


def _empty_lists(vectors: Vector) -> Any:
    faiss = _faiss()
    count, dimensions = vectors.shape
    lists = max(1, min(round(4 * count**0.5), count // _ROWS_FOR_EACH_LIST))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimensions),
        dimensions,
        lists,
        faiss.ScalarQuantizer.QT_8bit,
        faiss.METRIC_INNER_PRODUCT,
    )
    index.cp.spherical = True
    index.cp.niter = 8
    index.train(_sample(vectors, max(_TRAINED_ON, 40 * lists)))
    return index


def _effort_needed(index: Any, vectors: Vector) -> int | None:
    """The least that finds as much as we want, or None if a graph cannot."""
    queries = _queries_like(vectors)
    places = min(_PLACES, len(vectors))
    least = _least_scores(queries, vectors, places)
    is_graph = hasattr(index, "hnsw")
    effort = _LEAST_EFFORT if is_graph else 4
    while effort <= (MOST_EFFORT // 2 if is_graph else index.nlist):
        rows = Approximation(index, effort=effort).propose(queries, depth=depth_for(places), effort=effort)
        found = np.einsum("qrd,qd->qr", vectors[rows], queries)
        hits = ((found >= least[:, None] - _ROUNDING) & (rows >= 0)).sum(axis=1)
        if np.minimum(hits, places).sum() >= _WANTED_RECALL * places * len(queries):
            return effort
        effort += effort // 2
    return None if is_graph else int(index.nlist)


def depth_for(k: int) -> int:
    """How many proposals to score for `k` places: one byte for a dimension hardly ever errs by more."""
    return max(32, 2 * k)


def _queries_like(vectors: Vector) -> Vector:
    """Stored vectors, each once, and as many that lie beside stored ones, as new pictures do: in directions
    in which stored ones differ."""
    chosen = np.unique(_sample(vectors, 4 * _SAMPLE), axis=0)
    chosen = _sample(chosen, _SAMPLE)
    random = np.random.default_rng(1)
    beside = vectors[random.integers(0, len(vectors), len(chosen))] - chosen
    lengths = np.maximum(np.linalg.norm(beside, axis=1, keepdims=True), _NO_DIFFERENCE)
    beside = chosen + _BESIDE * beside / lengths * (np.arange(len(chosen)) % 2)[:, None]
    return np.asarray(beside / np.linalg.norm(beside, axis=1, keepdims=True), np.float32)


def _least_scores(queries: Vector, vectors: Vector, places: int) -> Vector:
    """What the last of so many places scores, where everything is compared."""
    highest = np.empty((len(queries), 0), np.float32)
    for start in range(0, len(vectors), _COMPARED):
        scores = np.concatenate([highest, queries @ vectors[start : start + _COMPARED].T], axis=1)
        highest = np.partition(scores, -places, axis=1)[:, -places:]
    least: Vector = highest.min(axis=1)
    return least


def _sample(vectors: Vector, count: int) -> Vector:
    if len(vectors) <= count:
        return np.ascontiguousarray(vectors)
    chosen = np.random.default_rng(0).choice(len(vectors), count, replace=False)
    return np.ascontiguousarray(vectors[np.sort(chosen)])
