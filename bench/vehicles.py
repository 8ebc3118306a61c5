"""The vehicle models side by side: milliseconds a picture on one thread.

`python -m bench --only vehicles`. FastestDet takes part where its file is: in ../shared/models, or where
VEILGATE_SHARED says that `models` lies.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from bench.detectors import ModelThreads, manifest_model, open_vehicles
from bench.tables import markdown_table
from bench.workplace import ROOT
from veilgate.inference.manifest import ModelKind
from veilgate.inference.ports import Detector

_SHARED = Path(os.environ.get("VEILGATE_SHARED") or ROOT.parent / "shared")
_FASTESTDET = _SHARED / "models" / "FastestDet.onnx"
_AS_CHOSEN = ModelThreads(1, 1)
_FLOAT32 = ModelThreads(1, 1, precision="f32")
# A square, and 4:3, of which a model that keeps proportions sees a quarter less. Small, because making a
# photo smaller takes all of them the same time.
_SIZES_WH = ((416, 416), (416, 312))
_TOGETHER = 8

Pictures = list[NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Contestant:
    name: str
    model: str
    threads: ModelThreads


@dataclass(frozen=True, slots=True)
class Row:
    """Medians, in milliseconds a picture: from its pixels to boxes, alone and of several together."""

    name: str
    width: int
    height: int
    alone_ms: float
    together_ms: float


CONTESTANTS = (
    Contestant("FastestDet", str(_FASTESTDET), _AS_CHOSEN),
    Contestant("FastestDet, exact float32", str(_FASTESTDET), _FLOAT32),
    Contestant("vehicles-v1", "vehicles-v1", _AS_CHOSEN),
    Contestant("vehicles-v1, exact float32", "vehicles-v1", _FLOAT32),
    Contestant("vehicles-v1-int8", "vehicles-v1-int8", _AS_CHOSEN),
)


def measure(*, rounds: int, contestants: Sequence[Contestant] = CONTESTANTS) -> list[Row]:
    """Those whose files are here, in turn, so that a slow moment does not fall on one of them."""
    detectors = {one.name: opened for one in contestants if (opened := _opened(one)) is not None}
    rows = []
    for width, height in _SIZES_WH:
        picture = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
        took_ms: dict[tuple[str, int], list[float]] = {}
        for number in range(rounds):
            for name, detector in detectors.items():
                for count in (1, _TOGETHER):
                    spent_ms = _timed(detector, [picture] * count) / count
                    if number:  # the first makes room and is slower
                        took_ms.setdefault((name, count), []).append(spent_ms)
        rows += [
            Row(name, width, height, median(took_ms[name, 1]), median(took_ms[name, _TOGETHER]))
            for name in detectors
        ]
    return rows


def report(rows: Sequence[Row]) -> str:
    head = ("model", "picture", "ms alone", f"ms of {_TOGETHER}")
    cells = [
        (row.name, f"{row.width}×{row.height}", f"{row.alone_ms:.2f}", f"{row.together_ms:.2f}")
        for row in rows
    ]
    return f"## Vehicle models, one thread, pixels to boxes\n\n{markdown_table(head, cells)}"


def as_rows(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [asdict(row) for row in rows]


def _opened(contestant: Contestant) -> Detector | None:
    if contestant.model == str(_FASTESTDET) and not _FASTESTDET.exists():
        return None
    return open_vehicles(manifest_model(contestant.model, ModelKind.VEHICLES), contestant.threads)


def _timed(detector: Detector, pictures: Pictures) -> float:
    began_s = time.perf_counter()
    detector.detect(pictures, [detector.default_threshold] * len(pictures))
    return 1000 * (time.perf_counter() - began_s)
