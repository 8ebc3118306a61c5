"""Drives pictures through the pipeline: stages of different pictures overlap, chunks share the device."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from veilgate.domain.errors import DeviceLost, VeilgateError
from veilgate.domain.outcomes import NOT_ASKED, Outcome
from veilgate.services.engines.device_line import ChunkBounds, Departure, DeviceLine
from veilgate.services.engines.engine_reports import EngineListener, StageReport, WorkEnd
from veilgate.services.engines.guarded_run import as_ours, run_guarded
from veilgate.services.engines.stage_times import count_chunk, show_stages
from veilgate.stages.contract import BatchStage, PictureWork, RunsOn
from veilgate.stages.pipeline import Node, Pipeline, essential_error
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.run_clock import device_time

_log = get_logger(__name__)


@dataclass(frozen=True)
class PictureEnd(WorkEnd[PictureWork]):
    """How a picture left the pipeline; `error` is that of the first essential stage to fail. `device_ms` is
    its share of the device seconds of the runs it was in."""

    device_ms: int = 0


PictureNode = Node[BatchStage]


@dataclass(slots=True, eq=False)
class _Run:
    """One picture on its way."""

    work: PictureWork
    began_s: float
    outcomes: dict[PictureNode, Outcome] = field(default_factory=dict)
    stage_ms: dict[str, int] = field(default_factory=dict)
    device_s: float = 0.0
    started: set[PictureNode] = field(default_factory=set)
    over: bool = False
    abandoned: bool = False


class PictureEngine:
    """The listener hears of every stage and every end of a submitted picture, unless it was abandoned, or the
    device was lost: then the pictures that need it stay where they are."""

    def __init__(
        self,
        pipeline: Pipeline[BatchStage],
        listener: EngineListener[PictureEnd],
        *,
        decode_threads: int,
        cpu_threads: int,
        device_threads: int,
        chunk_bounds: ChunkBounds,
    ) -> None:
        show_stages(pipeline.nodes)
        self._pipeline = pipeline
        self._listener = listener
        self._lock = threading.Lock()
        self._runs: dict[str, _Run] = {}
        self._lost_device: DeviceLost | None = None
        self._children = ThreadPoolExecutor(decode_threads, thread_name_prefix="prepare")
        self._cpu = ThreadPoolExecutor(cpu_threads, thread_name_prefix="finish")
        self._device: DeviceLine[tuple[PictureNode, _Run]] = DeviceLine(
            self._execute_chunk,
            bounds=chunk_bounds,
            threads=device_threads,
            more_may_come=self._more_may_come,
        )

    @property
    def lost_device(self) -> DeviceLost | None:
        """Set once the device does not work any more; nothing but a new process helps."""
        return self._lost_device

    @property
    def chunk_pixels(self) -> int:
        """How many pixels a chunk may have, after all that did not fit."""
        return self._device.max_pixels

    def submit(self, work: PictureWork) -> None:
        run = _Run(work, time.monotonic())
        with self._lock:
            self._runs[work.job_id] = run
        self._advance(run)

    def reject(self, work: PictureWork, error: VeilgateError) -> None:
        """End a picture that cannot even begin."""
        self._listener.work_ended(PictureEnd(work, {}, {}, 0, error))

    def abandon(self, job_id: str) -> None:
        """Stop after the stage that runs now; nobody hears of an end of this picture."""
        with self._lock:
            run = self._runs.pop(job_id, None)
            if run:
                run.over = run.abandoned = True

    def close(self) -> None:
        self._children.shutdown(wait=True, cancel_futures=True)
        self._device.close()
        self._cpu.shutdown(wait=True, cancel_futures=True)

    def _more_may_come(self) -> bool:
        """Whether some picture has not reached the device yet, so that waiting for company may pay."""
        with self._lock:
            return any(not run.outcomes for run in self._runs.values())

    def _advance(self, run: _Run) -> None:
        """Start whatever can start now; end the run when nothing is left to do."""
        while True:
            with self._lock:
                if run.over:
                    return
                ready, skipped = self._pipeline.next_nodes(run.work, run.outcomes, run.started)
                for node, outcome in skipped:
                    run.outcomes[node] = outcome
                run.started.update(ready)
            if told := [(node, outcome) for node, outcome in skipped if outcome.reason != NOT_ASKED]:
                self._listener.stage_ended(
                    [StageReport(run.work, node.name, outcome, 0) for node, outcome in told]
                )
            for node in ready:
                self._start(node, run)
            if not skipped:
                break
        self._end_if_over(run)

    def _start(self, node: PictureNode, run: _Run) -> None:
        match node.stage.runs_on:
            case RunsOn.CHILDREN:
                self._children.submit(self._execute_chunk, [(node, run)])
            case RunsOn.CPU:
                self._cpu.submit(self._execute_chunk, [(node, run)])
            case RunsOn.DEVICE:
                self._join_line(node, run)

    def _join_line(self, node: PictureNode, run: _Run) -> None:
        try:
            size_wh = node.stage.chunk_size_wh(run.work)
        except Exception as error:  # noqa: BLE001 - as whatever a stage raises; nobody else would hear of it
            self._hear(node, [run], [Outcome.failed(as_ours(error, node.name))], took_ms=0)
        else:
            self._device.add((node, run), key=(node.name, size_wh), pixels=size_wh[0] * size_wh[1])

    def _execute_chunk(
        self, chunk: Sequence[tuple[PictureNode, _Run]], departure: Departure | None = None
    ) -> None:
        """Run one stage for pictures that share a chunk."""
        node = chunk[0][0]
        runs = [run for _, run in chunk if not run.over]
        is_in_vain = self._lost_device and node.stage.runs_on is RunsOn.DEVICE
        if not runs or is_in_vain:
            return
        began_s = time.monotonic()
        works = [run.work for run in runs]
        try:
            with device_time() as device:
                outcomes = run_guarded(node.stage, works, did_not_fit=partial(self._halve, node, works[0]))
        except DeviceLost as error:
            self._lost_device = error
            _log.error("device.lost", reason=error.message, pictures=len(works))
            return
        took_s = time.monotonic() - began_s
        count_chunk(node.name, outcomes, took_s=took_s, departure=departure)
        with self._lock:
            for run in runs:
                run.device_s += device.spent_s / len(runs)
        self._hear(node, runs, outcomes, took_ms=round(took_s * 1000))

    def _halve(self, node: PictureNode, work: PictureWork, count: int) -> None:
        """So many pictures of one size were too much for the device: never try that again."""
        width, height = node.stage.chunk_size_wh(work)
        self._device.shrink(max_pixels=width * height * (count // 2))

    def _hear(
        self, node: PictureNode, runs: Sequence[_Run], outcomes: Sequence[Outcome], *, took_ms: int
    ) -> None:
        """Hand on what a stage said of some pictures, and let each go on."""
        self._listener.stage_ended(
            [
                StageReport(run.work, node.name, outcome, took_ms)
                for run, outcome in zip(runs, outcomes, strict=True)
            ]
        )
        for run, outcome in zip(runs, outcomes, strict=True):
            if run.abandoned:
                self._listener.work_dropped(run.work)
                continue
            with self._lock:
                if outcome.product is not None:
                    run.work.products[type(outcome.product)] = outcome.product
                run.stage_ms[node.name] = took_ms
                run.outcomes[node] = outcome
            self._advance(run)

    def _end_if_over(self, run: _Run) -> None:
        with self._lock:
            error = essential_error(run.outcomes)
            if run.over or (error is None and len(run.outcomes) < len(self._pipeline.nodes)):
                return
            run.over = True
            self._runs.pop(run.work.job_id, None)
        took_ms = round((time.monotonic() - run.began_s) * 1000)
        outcomes = {
            node.name: outcome for node, outcome in run.outcomes.items() if outcome.reason != NOT_ASKED
        }
        device_ms = round(run.device_s * 1000)
        self._listener.work_ended(PictureEnd(run.work, outcomes, run.stage_ms, took_ms, error, device_ms))
