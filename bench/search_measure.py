"""How a search in this process is measured: needs numpy alone, so that peers are measured alike."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

K = 10
MANY_CLIENTS = 32
_KB_IN_MB = 1024

Vectors = NDArray[np.float32]
# The rows of the likest, best first.
Ask = Callable[[Vectors], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Problem:
    """Vectors, queries, and for each query the rows of its ten likest, as files in a folder."""

    folder: Path

    def stored(self) -> Vectors:
        found: Vectors = np.load(self.folder / "stored.npy", mmap_mode="r")
        return found

    def queries(self) -> Vectors:
        found: Vectors = np.load(self.folder / "queries.npy")
        return found

    def likest(self) -> NDArray[np.int64]:
        found: NDArray[np.int64] = np.load(self.folder / "likest.npy")
        return found


@dataclass(frozen=True, slots=True)
class Clients:
    p50_ms: float
    p99_ms: float
    per_s: float


@dataclass(frozen=True, slots=True)
class Row:
    """Memory is what the process holds when it can answer, less what it held before."""

    name: str
    build_s: float | None
    memory_mb: float | None
    recall: float | None
    one: Clients
    many: Clients

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / _KB_IN_MB


def recall(ask: Ask, problem: Problem) -> float:
    met = 0
    queries, likest = problem.queries(), problem.likest()
    for query, expected in zip(queries, likest, strict=True):
        met += len(set(ask(query[None])[0].tolist()) & set(expected.tolist()))
    return met / likest.size


def clients(ask: Ask, queries: Vectors, *, count: int, seconds: float, together: int = 1) -> Clients:
    """So many threads ask without a pause, each for one vector or for `together` at once."""
    times_ms: list[float] = []
    begin_s = time.perf_counter() + 0.1
    end_s = begin_s + seconds

    def work(number: int) -> None:
        at = number * 7919
        time.sleep(max(0.0, begin_s - time.perf_counter()))
        while (sent_s := time.perf_counter()) < end_s:
            chosen = np.arange(at, at + together) % len(queries)
            ask(queries[chosen])
            times_ms.append((time.perf_counter() - sent_s) * 1000)
            at += together

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    p50_ms, p99_ms = np.percentile(times_ms, [50, 99]).tolist()
    return Clients(p50_ms, p99_ms, len(times_ms) * together / seconds)
