"""Small stages for tests of the machinery, and pictures to send through them."""

import threading
from collections.abc import Callable, Sequence

from tests.waiting import wait_until
from veilgate.domain.options import UploadOptions
from veilgate.domain.outcomes import Outcome
from veilgate.domain.pictures import PictureFormat, PictureHeader
from veilgate.services.engines.device_line import ChunkBounds
from veilgate.services.engines.engine_reports import EngineListener, StageReport, Work
from veilgate.services.engines.picture_engine import PictureEnd, PictureEngine
from veilgate.stages.contract import BatchStage, PictureWork, RunsOn
from veilgate.stages.pipeline import Pipeline


def work_of(job_id: str, *, width: int = 10, fence: int = 1) -> PictureWork:
    header = PictureHeader(PictureFormat.JPEG, width, 10)
    return PictureWork(job_id, job_id, fence, f"original/{job_id}", "0" * 64, header, UploadOptions())


class Stage:
    """Calls `answer` for each picture of a chunk and remembers the chunks it was given."""

    def __init__(
        self,
        name: str,
        answer: Callable[[PictureWork], Outcome] = lambda work: Outcome.produced(work.job_id),
        *,
        runs_on: RunsOn = RunsOn.CPU,
    ) -> None:
        self.name = name
        self.runs_on = runs_on
        self.chunks: list[list[str]] = []
        self._answer = answer

    def chunk_size_wh(self, work: PictureWork) -> tuple[int, int]:
        return work.header.width, work.header.height

    def run(self, works: Sequence[PictureWork]) -> list[Outcome]:
        self.chunks.append([work.job_id for work in works])
        return [self._answer(work) for work in works]


class Listener:
    """Keeps what it hears, in order."""

    def __init__(self) -> None:
        self.reports: list[StageReport] = []
        self.ends: dict[str, PictureEnd] = {}
        self.dropped: list[tuple[str, int]] = []
        self._lock = threading.Lock()

    def stage_ended(self, reports: Sequence[StageReport]) -> None:
        with self._lock:
            self.reports.extend(reports)

    def work_ended(self, end: PictureEnd) -> None:
        with self._lock:
            assert end.work.job_id not in self.ends, "a picture ends once"
            self.ends[end.work.job_id] = end

    def work_dropped(self, work: Work) -> None:
        with self._lock:
            self.dropped.append((work.job_id, work.fence))

    def stages_of(self, job_id: str) -> list[str]:
        return [report.stage for report in self.reports if report.work.job_id == job_id]

    def wait_for(self, *job_ids: str) -> None:
        wait_until(lambda: set(job_ids) <= set(self.ends), timeout_s=10, what=f"{job_ids} to end")


def engine_of(
    pipeline: Pipeline[BatchStage],
    listener: EngineListener[PictureEnd],
    bounds: ChunkBounds | None = None,
    *,
    device_threads: int = 1,
) -> PictureEngine:
    return PictureEngine(
        pipeline,
        listener,
        decode_threads=2,
        cpu_threads=2,
        device_threads=device_threads,
        chunk_bounds=bounds or ChunkBounds(8, 1_000_000, linger_s=0.0),
    )


def run_all(
    pipeline: Pipeline[BatchStage],
    *works: PictureWork,
    bounds: ChunkBounds | None = None,
    device_threads: int = 1,
) -> Listener:
    """Send pictures through the engine and wait for all their ends."""
    listener = Listener()
    engine = engine_of(pipeline, listener, bounds, device_threads=device_threads)
    for work in works:
        engine.submit(work)
    listener.wait_for(*(work.job_id for work in works))
    engine.close()
    return listener
