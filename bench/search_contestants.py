"""`python -m bench.search_contestants NAME FOLDER SECONDS`: one index alone in a process; prints its rows."""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.search_measure import MANY_CLIENTS, Ask, K, Problem, Row, Vectors, clients, recall, resident_mb

_LINKS, _BUILD_EFFORT, _EFFORT = 32, 100, 256
_OWNER = "owner"

Build = Callable[[Vectors, Path], Ask]


def main(name: str, folder: Path, seconds: float) -> None:
    problem = Problem(folder)
    before_mb = resident_mb()
    with tempfile.TemporaryDirectory(dir=folder) as work:
        begun_s = time.perf_counter()
        ask = _BUILDS[name](problem.stored(), Path(work))
        build_s = time.perf_counter() - begun_s
        queries = problem.queries()
        found = recall(ask, problem)
        memory_mb = resident_mb() - before_mb
        one = clients(ask, queries, count=1, seconds=seconds)
        many = clients(ask, queries, count=MANY_CLIENTS, seconds=seconds)
        rows = [Row(name, build_s, memory_mb, found, one, many)]
        if name == "this index":
            # As the search server does it.
            grouped = clients(ask, queries, count=1, seconds=seconds, together=MANY_CLIENTS)
            rows.append(Row(f"{name}, {MANY_CLIENTS} at a time", None, None, None, one, grouped))
    print(json.dumps([row.as_dict() for row in rows]))


def _house(stored: Vectors, work: Path) -> Ask:
    from veilgate.domain.search import IndexOperation
    from veilgate.search.faiss_index import open_faiss_index
    from veilgate.search.identifiers import pack, unpack
    from veilgate.search.ports import IndexEntry, VectorQuery

    index = open_faiss_index(work / "index", model_id="bench", dimensions=stored.shape[1])
    index.build(
        (
            IndexEntry(row + 1, IndexOperation.ADD, unpack(row.to_bytes(16, "big")), _OWNER, vector)
            for row, vector in enumerate(stored)
        ),
        seq=len(stored),
    )
    index.save()

    def ask(queries: Vectors) -> NDArray[np.int64]:
        answers = index.search([VectorQuery(_OWNER, query, K) for query in queries])
        return np.array([[int.from_bytes(pack(hit.image_id)) for hit in each.hits] for each in answers])

    return ask


def _faiss_flat(stored: Vectors, _work: Path) -> Ask:
    import faiss

    index = faiss.IndexFlatIP(stored.shape[1])
    index.add(stored)
    return lambda queries: np.asarray(index.search(queries, K)[1])


def _faiss_hnsw(stored: Vectors, _work: Path) -> Ask:
    import faiss

    index = faiss.IndexHNSWFlat(stored.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _BUILD_EFFORT
    index.hnsw.efSearch = _EFFORT
    index.add(stored)
    return lambda queries: np.asarray(index.search(queries, K)[1])


def _hnswlib(stored: Vectors, _work: Path) -> Ask:
    import hnswlib

    index = hnswlib.Index("ip", stored.shape[1])
    index.init_index(len(stored), M=_LINKS, ef_construction=_BUILD_EFFORT)
    index.set_ef(_EFFORT)
    index.add_items(stored)
    return lambda queries: np.asarray(index.knn_query(queries, k=K)[0].astype(np.int64))


def _numpy(stored: Vectors, _work: Path) -> Ask:
    vectors = np.array(stored)

    def ask(queries: Vectors) -> NDArray[np.int64]:
        scores = queries @ vectors.T
        likest = np.argpartition(scores, -K, axis=1)[:, -K:]
        order = np.argsort(-np.take_along_axis(scores, likest, axis=1), axis=1)
        return np.take_along_axis(likest, order, axis=1)

    return ask


_BUILDS: dict[str, Build] = {
    "this index": _house,
    "FAISS flat": _faiss_flat,
    "FAISS HNSW": _faiss_hnsw,
    "hnswlib": _hnswlib,
    "numpy": _numpy,
}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
