"""The gateway itself: from the first upload to the last completed job, and the memory it takes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.detectors import DetectorPlan
from bench.house import Client, House, upload_all
from bench.processes import MemorySampler, memory_by_role

_CONNECTIONS = 3
_WARM_UP = 4


@dataclass(frozen=True, slots=True)
class GatewayRun:
    """`uploaded_s` is when the last upload was answered; memory is the peak by role, in MB."""

    photos: int
    images_per_s: float
    uploaded_s: float
    peak_rss_mb: dict[str, float]
    peak_pss_mb: dict[str, float]


@dataclass(frozen=True, slots=True)
class MemoryCurve:
    """RSS in MB by role after so many uploads, and the peaks of the whole run."""

    points: list[tuple[int, dict[str, float]]]
    peak_rss_mb: dict[str, float]
    peak_pss_mb: dict[str, float]
    images_per_s: float


def measure(paths: Sequence[Path], plan: DetectorPlan, *, batch: bool = False) -> GatewayRun:
    """A fresh house for each run: single uploads over three connections, or one /batch-upload."""
    with House(plan) as house:
        Client(house.port).wait_for(upload_all(house.port, paths[:_WARM_UP], connections=2))
        with MemorySampler(house.process.pid) as memory:
            began_s = time.perf_counter()
            if batch:
                job_ids = Client(house.port).upload_batch(paths)
            else:
                job_ids = upload_all(house.port, paths, connections=_CONNECTIONS)
            uploaded_s = time.perf_counter() - began_s
            # A new connection: the gateway closes those that were silent for a few seconds.
            Client(house.port).wait_for(job_ids)
            took_s = time.perf_counter() - began_s
    return GatewayRun(len(paths), len(paths) / took_s, uploaded_s, memory.peak_rss_mb, memory.peak_pss_mb)


def measure_memory(paths: Sequence[Path], plan: DetectorPlan, *, uploads: int) -> MemoryCurve:
    """The same photos again and again, in fifties; RSS is read when each fifty is done."""
    step = min(50, uploads)
    points: list[tuple[int, dict[str, float]]] = []
    with House(plan) as house, MemorySampler(house.process.pid) as memory:
        began_s = time.perf_counter()
        for done in range(0, uploads, step):
            group = [paths[(done + index) % len(paths)] for index in range(min(step, uploads - done))]
            Client(house.port).wait_for(upload_all(house.port, group, connections=_CONNECTIONS))
            points.append((done + len(group), memory_by_role(house.process.pid)[0]))
        took_s = time.perf_counter() - began_s
    return MemoryCurve(points, memory.peak_rss_mb, memory.peak_pss_mb, uploads / took_s)
