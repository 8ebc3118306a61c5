"""Finding likest vectors: in this index, behind its servers, and in what else people use."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import search_load
from bench.search_measure import Clients, K, Problem, Row, Vectors
from bench.search_vectors import GENERATOR, collection
from bench.tables import markdown_table
from bench.workplace import ROOT, WORK, peers_python

# Those of search_contestants.py; hnswlib lives in the peers' environment.
_CONTESTANTS = ("this index", "FAISS flat", "FAISS HNSW", "hnswlib", "numpy")
_QUERIES = 500
_BLOCK = 50_000


@dataclass(frozen=True, slots=True)
class Case:
    count: int
    dimensions: int
    # Whether the servers are asked too.
    served: bool = False


CASES = (Case(100_000, 512, served=True), Case(1_000_000, 128))
QUICK = (Case(20_000, 512, served=True),)


def measure(cases: Sequence[Case], *, seconds: float) -> list[dict[str, Any]]:
    """A row for each case and contestant."""
    rows = []
    for case in cases:
        with _problem(case) as problem:
            for name in _CONTESTANTS:
                print(f"  {case.count:,} × {case.dimensions}: {name}", flush=True)
                rows += [_shown(case, row) for row in _alone(name, problem, seconds=seconds)]
            if case.served:
                print("  search server and gateway", flush=True)
                served = search_load.measure(problem, problem.folder / "house", seconds=seconds)
                rows += [_shown(case, row) for row in served]
    return rows


def report(rows: Sequence[dict[str, Any]]) -> str:
    heads = (
        "vectors",
        "index",
        "build s",
        "memory MB",
        f"recall@{K}",
        "1 client: p50 ms",
        "p99 ms",
        "32 clients: p50 ms",
        "p99 ms",
        "queries/s",
    )
    lines = [
        (
            row["vectors"],
            row["name"],
            _number(row["build_s"], 1),
            _number(row["memory_mb"], 0),
            _number(row["recall"], 4),
            *(_number(row["one"][key], 2) for key in ("p50_ms", "p99_ms")),
            *(_number(row["many"][key], 1) for key in ("p50_ms", "p99_ms")),
            _number(row["many"]["per_s"], 0),
        )
        for row in rows
    ]
    return f"## Finding likest vectors\n\nVectors: {GENERATOR}.\n\n{markdown_table(heads, lines)}"


@contextmanager
def _problem(case: Case) -> Iterator[Problem]:
    WORK.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="search-", dir=WORK))
    try:
        made = collection(case.count, case.dimensions, queries=_QUERIES)
        np.save(folder / "stored.npy", made.stored)
        np.save(folder / "queries.npy", made.queries)
        np.save(folder / "likest.npy", _likest(made.stored, made.queries))
        yield Problem(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _likest(stored: Vectors, queries: Vectors) -> np.ndarray:
    scores = np.concatenate(
        [queries @ stored[start : start + _BLOCK].T for start in range(0, len(stored), _BLOCK)], axis=1
    )
    return np.argsort(-scores, axis=1)[:, :K]


def _alone(name: str, problem: Problem, *, seconds: float) -> list[Row]:
    python = peers_python() if name == "hnswlib" else sys.executable
    words = [str(python), "bench/search_contestants.py", name, str(problem.folder), str(seconds)]
    answer = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return [
        Row(**{**row, "one": Clients(**row["one"]), "many": Clients(**row["many"])})
        for row in json.loads(answer.stdout)
    ]


def _shown(case: Case, row: Row) -> dict[str, Any]:
    return {**row.as_dict(), "vectors": f"{case.count:,} × {case.dimensions}"}


def _number(value: float | None, digits: int) -> str:
    return f"{value:,.{digits}f}" if value is not None else "-"
