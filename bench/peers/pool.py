"""The bare work: the gateway's own stages over the best plain pool, with nothing durable around them.

No HTTP, database, queue, sync to disk or guard around the decoder: what is left is the most that this
machine gives with these codecs and this model.
"""

import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import cv2

from bench.detectors import DetectorPlan, ModelThreads
from veilgate.domain.pictures import PictureLimits
from veilgate.domain.redaction import RedactionPolicy
from veilgate.imaging.decode import decode_picture
from veilgate.imaging.encode import encode_picture
from veilgate.imaging.redact import veil_into
from veilgate.imaging.thumbnail import thumbnails
from veilgate.inference.ports import Detector
from veilgate.storage.keys import THUMBNAIL_SIDES_PX

_THUMBNAIL_QUALITY = 80  # as in veilgate/stages/store_copies.py


@dataclass(frozen=True, slots=True)
class PoolShape:
    """How the cores are used; `model_threads` is for each process, and OpenCV always has one."""

    processes: int
    threads: int
    model_threads: ModelThreads

    def __str__(self) -> str:
        model = f"{self.model_threads.streams} × {self.model_threads.threads // self.model_threads.streams}"
        return f"{self.processes} proc × {self.threads} thr, model streams × thr {model}"


@dataclass(frozen=True, slots=True)
class _Line:
    """What the processes share: paths, None for each thread's end, and where all meet before and after."""

    tasks: "Queue[Path | None]"
    ready: Barrier


def shapes(cores: int) -> tuple[PoolShape, ...]:
    """Those that have a chance of being the best."""
    return (
        PoolShape(cores, 1, ModelThreads(1, 1)),
        PoolShape(1, cores, ModelThreads(cores, cores)),
        PoolShape(1, cores, ModelThreads(1, cores)),
        PoolShape(1, cores + 1, ModelThreads(cores, cores)),
    )


def measure(paths: Sequence[Path], shape: PoolShape, plan: DetectorPlan) -> float:
    """Pictures a second, from the first handed out to the last written; models are loaded and warm."""
    context = multiprocessing.get_context("spawn")
    folder = Path(tempfile.mkdtemp(prefix="veilgate-bench-"))
    line = _Line(context.Queue(), context.Barrier(shape.processes + 1))
    arguments = (shape, plan, folder, paths[0], line)
    processes = [context.Process(target=_serve, args=arguments) for _ in range(shape.processes)]
    try:
        for process in processes:
            process.start()
        line.ready.wait(60)
        began_s = time.perf_counter()
        for path in [*paths, *[None] * (shape.processes * shape.threads)]:
            line.tasks.put(path)
        line.ready.wait(600)
        took_s = time.perf_counter() - began_s
    finally:
        for process in processes:
            process.join(10)
            process.kill()
    written = len(list(folder.glob("*")))
    shutil.rmtree(folder)
    assert written >= len(paths) * (1 + len(THUMBNAIL_SIDES_PX)), f"only {written} files were written"
    return len(paths) / took_s


def _serve(shape: PoolShape, plan: DetectorPlan, folder: Path, warm_up: Path, line: _Line) -> None:
    cv2.setNumThreads(1)
    faces = plan.faces(shape.model_threads)
    vehicles = plan.vehicle_detector(shape.model_threads)

    def work() -> None:
        while (path := line.tasks.get()) is not None:
            veil_file(path, folder, plan, faces, vehicles)

    veil_file(warm_up, folder, plan, faces, vehicles)
    line.ready.wait(60)
    with ThreadPoolExecutor(shape.threads) as pool:
        for future in [pool.submit(work) for _ in range(shape.threads)]:
            future.result()
    line.ready.wait(600)


def veil_file(
    path: Path, folder: Path, plan: DetectorPlan, faces: Detector, vehicles: Detector | None
) -> None:
    """All that the gateway does to a picture's pixels."""
    picture = decode_picture(path.read_bytes(), PictureLimits())
    found = faces.detect([picture.pixels], [plan.face_threshold])[0]
    if vehicles is not None:
        vehicles.detect([picture.pixels], [vehicles.default_threshold])
    veil_into(picture.pixels, [face.box for face in found], RedactionPolicy())
    (folder / path.name).write_bytes(encode_picture(picture))
    for side_px, small in zip(THUMBNAIL_SIDES_PX, thumbnails(picture, THUMBNAIL_SIDES_PX), strict=True):
        (folder / f"{path.stem}-{side_px}.jpg").write_bytes(encode_picture(small, quality=_THUMBNAIL_QUALITY))
