"""Drives lookups through their tree: one event loop, a task for each job and each of its stages."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

from veilgate.domain.errors import DeviceLost, StageFailed, Unavailable, VeilgateError
from veilgate.domain.lookups import Bill
from veilgate.domain.outcomes import NOT_ASKED, Outcome, OutcomeKind
from veilgate.domain.provider_errors import LookupFailed, NothingAnswered, ProviderDown
from veilgate.lookups.deadlines import answers_by
from veilgate.lookups.running_bill import keeping_bill, spent_so_far
from veilgate.persistence.records import ClaimedJob
from veilgate.services.engines.bills import bill_of
from veilgate.services.engines.engine_reports import EngineListener, StageReport, WorkEnd
from veilgate.services.engines.guarded_run import as_ours
from veilgate.stages.ask_provider import AskAboutPicture, AskAboutProduct
from veilgate.stages.lookup_contract import LookupStage, LookupWork
from veilgate.stages.pipeline import Node, Pipeline, essential_error
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import saying

# For what has to wait in a thread: the object store, the database, pages that are large to read.
_THREADS = 8
_END_S = 5.0

LookupNode = Node[LookupStage]
# Opened and closed on the loop, with whatever lives there.
OpenPipeline = Callable[[], AbstractAsyncContextManager[Pipeline[LookupStage]]]


@dataclass(frozen=True)
class LookupEnd(WorkEnd[LookupWork]):
    """How a lookup left its tree. `providers` are those of its stages that asked somebody."""

    providers: frozenset[str]


@dataclass(slots=True, eq=False)
class _Run:
    """One lookup on its way; `until_s` is a time of the loop."""

    work: LookupWork
    began_s: float
    until_s: float
    outcomes: dict[LookupNode, Outcome] = field(default_factory=dict)
    stage_ms: dict[str, int] = field(default_factory=dict)
    under_way: dict[asyncio.Task[Outcome], LookupNode] = field(default_factory=dict)
    # Nodes that wait for stragglers no longer than until then, and those that do not any more.
    patience: dict[asyncio.Task[None], LookupNode] = field(default_factory=dict)
    impatient: set[LookupNode] = field(default_factory=set)


class LookupEngine:
    """`begin` and `abandon` are called from the session's thread, and wait for nothing. The listener hears of
    every stage as it ends and of every end. Of a lookup that was abandoned it hears only what was spent on
    stages that are cut off.

    A lookup takes `timeout_s` at most. Each stage may take half of what is left when it starts, so that
    behind a provider that hangs there is time for the stages that follow.
    """

    lost_device: DeviceLost | None = None

    def __init__(
        self, open_pipeline: OpenPipeline, listener: EngineListener[LookupEnd], *, timeout_s: float
    ) -> None:
        """Raises what opening the pipeline raises."""
        self._listener = listener
        self._timeout_s = timeout_s
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="lookups"))
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._run_loop, name="lookups", daemon=True)
        self._opened: Future[Pipeline[LookupStage]] = Future()
        self._open_pipeline = open_pipeline
        self._thread.start()
        self._pipeline = self._opened.result()
        self._providers = frozenset(
            node.name
            for node in self._pipeline.nodes
            if isinstance(node.stage, AskAboutPicture | AskAboutProduct)
        )

    @property
    def under_way(self) -> int:
        """How many lookups are in the engine's hands."""
        return len(self._jobs)

    def begin(self, job: ClaimedJob) -> None:
        self._loop.call_soon_threadsafe(self._start, _work(job))

    def abandon(self, job_id: str) -> None:
        """Its questions are cancelled, and nobody hears of its end."""
        self._loop.call_soon_threadsafe(self._cancel, job_id)

    def close(self) -> None:
        """Abandon whatever is left."""
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(_END_S)

    def _run_loop(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        try:
            async with self._open_pipeline() as pipeline:
                self._opened.set_result(pipeline)
                await self._ending.wait()
                jobs = list(self._jobs.values())
                for job in jobs:
                    job.cancel()
                await asyncio.gather(*jobs, return_exceptions=True)
        except BaseException as error:  # whoever made this engine hears of it
            if self._opened.done():
                raise
            self._opened.set_exception(error)

    def _start(self, work: LookupWork) -> None:
        self._cancel(work.job_id)
        job = self._loop.create_task(self._look_up(work))
        self._jobs[work.job_id] = job
        job.add_done_callback(lambda done: self._forget(work.job_id, done))

    def _forget(self, job_id: str, done: asyncio.Task[None]) -> None:
        # A later claim of it may be under way by now.
        if self._jobs.get(job_id) is done:
            del self._jobs[job_id]

    def _cancel(self, job_id: str) -> None:
        if job := self._jobs.pop(job_id, None):
            job.cancel()

    async def _look_up(self, work: LookupWork) -> None:
        now_s = self._loop.time()
        run = _Run(work, now_s, now_s + self._timeout_s)
        try:
            with saying(job_id=work.job_id, correlation_id=work.correlation_id):
                await self._run_tree(run)
        except Exception as error:  # noqa: BLE001 - or the job would be nobody's until its lease ends
            self._listener.work_ended(self._end_of(run, as_ours(error, "lookup")))
        else:
            self._listener.work_ended(self._end_of(run, self._error_of(run)))
        finally:
            for task in (*run.under_way, *run.patience):
                task.cancel()

    async def _run_tree(self, run: _Run) -> None:
        self._advance(run)
        while run.under_way and essential_error(run.outcomes) is None:
            awaited = (*run.under_way, *run.patience)
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            for over in [task for task in run.patience if task.done()]:
                run.impatient.add(run.patience.pop(over))
            for task in [task for task in run.under_way if task.done()]:
                node = run.under_way.pop(task)
                self._hear(run, node, task.result())
            self._advance(run)

    def _advance(self, run: _Run) -> None:
        """Start whatever can start now."""
        while True:
            started = set(run.under_way.values())
            ready, skipped = self._pipeline.next_nodes(
                run.work, run.outcomes, started, impatient=run.impatient
            )
            for node, outcome in skipped:
                run.stage_ms[node.name] = 0
                self._hear(run, node, outcome)
            for node in ready:
                task = self._loop.create_task(self._run_stage(run, node))
                run.under_way[task] = node
            if not skipped:
                return

    async def _run_stage(self, run: _Run, node: LookupNode) -> Outcome:
        began_s = self._loop.time()
        until_s = began_s + max(0.0, run.until_s - began_s) / 2
        with keeping_bill():
            try:
                with answers_by(until_s):
                    return await _answer_by(until_s, node, run.work)
            except asyncio.CancelledError:
                if not _is_cancelled_by_us():
                    return _failed(StageFailed(f"{node.name} gave up."), spent_so_far())
                self._tell_what_was_spent(run, node)
                raise
            except Exception as error:  # noqa: BLE001 - whatever a stage raises is its outcome
                return _failed(as_ours(error, node.name), spent_so_far())
            finally:
                run.stage_ms[node.name] = round((self._loop.time() - began_s) * 1000)

    def _tell_what_was_spent(self, run: _Run, node: LookupNode) -> None:
        """The job is another's by now, or nobody's: no event comes of it, but its owner pays all the same."""
        spent = spent_so_far()
        if spent != Bill():
            cut_off = _failed(StageFailed(f"{node.name} was cut off."), spent)
            self._listener.stage_ended([StageReport(run.work, node.name, cut_off, 0)])

    def _hear(self, run: _Run, node: LookupNode, outcome: Outcome) -> None:
        failpoint("stage_spoke", node.name)
        run.outcomes[node] = outcome
        if outcome.product is not None:
            run.work.products[node.name] = outcome.product
            self._begin_patience(run, node)
        if outcome.reason != NOT_ASKED:
            took_ms = run.stage_ms.get(node.name, 0)
            self._listener.stage_ended([StageReport(run.work, node.name, outcome, took_ms)])

    def _begin_patience(self, run: _Run, spoken: LookupNode) -> None:
        """Of the nodes that do not wait for stragglers for ever, now that this one has spoken."""
        waiting = {*run.patience.values(), *run.impatient}
        for node in self._pipeline.nodes:
            if node.patience and spoken in node.patience.once and node not in waiting:
                task = self._loop.create_task(asyncio.sleep(node.patience.lasts_s))
                run.patience[task] = node

    def _error_of(self, run: _Run) -> VeilgateError | None:
        asked = [run.outcomes[node] for node in run.outcomes if node.name in self._providers]
        return essential_error(run.outcomes) or _nothing_answered(asked)

    def _end_of(self, run: _Run, error: VeilgateError | None) -> LookupEnd:
        took_ms = round((self._loop.time() - run.began_s) * 1000)
        outcomes = {node.name: outcome for node, outcome in run.outcomes.items()}
        return LookupEnd(run.work, outcomes, run.stage_ms, took_ms, error, self._providers)


async def _answer_by(until_s: float, node: LookupNode, work: LookupWork) -> Outcome:
    """Raises `ProviderDown` where that is too late."""
    try:
        async with asyncio.timeout_at(until_s) as limit:
            return await node.stage.run(work)
    except TimeoutError:
        if not limit.expired():
            raise
        raise ProviderDown("It did not answer in time.") from None


def _failed(error: VeilgateError, spent: Bill) -> Outcome:
    """What a provider's error says of its bill stands; what was cut off has come to what was spent so far."""
    if isinstance(error, LookupFailed):
        if error.bill == Bill():
            error.bill = spent
        return Outcome.failed(error)
    return replace(Outcome.failed(error), report={"cost": spent.as_dict()})


def _is_cancelled_by_us() -> bool:
    """And not by the stage itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _nothing_answered(asked: list[Outcome]) -> VeilgateError | None:
    """Why a lookup failed of whose providers all failed that were asked. Where one was not asked because
    something of ours is away, that is waited for."""
    failed = [(outcome.error, bill_of(outcome)) for outcome in asked if outcome.error is not None]
    failures = [error for error, _ in failed]
    if not failures or any(outcome.kind is OutcomeKind.PRODUCED for outcome in asked):
        return None
    away = next((error for error in failures if isinstance(error, Unavailable)), None)
    if away:
        return away
    # What may have been paid is not paid again.
    passing = [one.retry_after_s for one, bill in failed if one.retryable and not bill.cost_micros]
    error = NothingAnswered(
        " ".join(dict.fromkeys(one.message for one in failures)),
        # The first who may answer is worth another try.
        retry_after_s=min((pause_s or 0 for pause_s in passing), default=None),
    )
    error.retryable = bool(passing)
    return error


def _work(job: ClaimedJob) -> LookupWork:
    return LookupWork(
        job_id=job.id,
        image_id=job.image_id,
        owner_id=job.owner_id,
        fence=job.fence,
        result_key=job.shown_result_key or "",
        attempts=job.attempts,
        queued_ms=max(0, job.started_at_ms - job.created_at_ms),
        since_asked_ms=max(0, job.started_at_ms - job.asked_at_ms),
        correlation_id=job.correlation_id,
    )
