"""Small stages of lookups for tests of the machinery, and jobs to send through them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from tests.waiting import wait_until
from veilgate.domain.lookups import Asked, Bill, Finding, SentPicture
from veilgate.domain.outcomes import Outcome
from veilgate.lookups.ports import Answered, MakeLink
from veilgate.persistence.records import ClaimedJob
from veilgate.services.engines.engine_reports import StageReport, Work
from veilgate.services.engines.lookup_engine import LookupEnd, LookupEngine
from veilgate.stages.ask_provider import AskAboutPicture
from veilgate.stages.lookup_contract import LookupStage, LookupWork
from veilgate.stages.pipeline import Node, Pipeline, begin

PICTURE = SentPicture(b"veiled", "0" * 64, "image/jpeg", 4, 3)
Answer = Callable[[LookupWork], Awaitable[Outcome]]


def claimed(job_id: str, *, fence: int = 1) -> ClaimedJob:
    picture = {"filename": "a.jpg", "sha256": "0" * 64, "format": "jpeg", "width": 4, "height": 3}
    return ClaimedJob(
        id=job_id,
        owner_id="owner",
        image_id=f"image of {job_id}",
        fence=fence,
        attempts=0,
        deliveries=1,
        options="{}",
        original_key="original/x",
        created_at_ms=1,
        started_at_ms=5,
        correlation_id=None,
        not_before_ms=1,
        asked_at_ms=1,
        shown_result_key="results/x/1/",
        **picture,  # type: ignore[arg-type]
    )


async def well(work: LookupWork) -> Outcome:
    return Outcome.produced(work.job_id)


async def never(_work: LookupWork) -> Outcome:
    await asyncio.Event().wait()
    raise AssertionError


class Stage:
    def __init__(self, name: str, answer: Answer = well) -> None:
        self.name = name
        self._answer = answer

    async def run(self, work: LookupWork) -> Outcome:
        return await self._answer(work)


class Provider:
    """Says `finding`, after it has waited for `until`, if that is given; or raises."""

    needs_link = False

    def __init__(
        self,
        name: str,
        *,
        error: Exception | None = None,
        until: asyncio.Event | None = None,
        finding: Finding | None = None,
    ) -> None:
        self.name = name
        self._error = error
        self._until = until
        self._finding = finding or Finding(name, caption=f"seen by {name}")

    async def ask(self, _picture: SentPicture, _link: MakeLink | None, *, asked: Asked) -> Answered:
        assert asked.owner_id == "owner"
        if self._until is not None:
            await self._until.wait()
        if self._error is not None:
            raise self._error
        return Answered(self._finding, Bill(calls=1, cost_micros=1_000))


async def send_picture(_work: LookupWork) -> Outcome:
    return Outcome.produced(PICTURE)


def sent_picture() -> Node[LookupStage]:
    stage: LookupStage = Stage("sent", send_picture)
    return begin(stage, essential=True)


def asking(*providers: Provider) -> Pipeline[LookupStage]:
    """All of them side by side about the picture."""
    sent = sent_picture()
    return Pipeline(*(sent.then(AskAboutPicture(provider, None)) for provider in providers))


class Listener:
    """Keeps what it hears, in order."""

    def __init__(self) -> None:
        self.reports: list[StageReport] = []
        self.ends: dict[str, LookupEnd] = {}
        self._lock = threading.Lock()

    def stage_ended(self, reports: Sequence[StageReport]) -> None:
        with self._lock:
            self.reports.extend(reports)

    def work_ended(self, end: LookupEnd) -> None:
        with self._lock:
            assert end.work.job_id not in self.ends, "a lookup ends once"
            self.ends[end.work.job_id] = end

    def work_dropped(self, work: Work) -> None:
        raise AssertionError(f"{work.job_id}: a lookup leaves nothing behind")

    def stages_of(self, job_id: str) -> list[str]:
        return [report.stage for report in list(self.reports) if report.work.job_id == job_id]

    def outcome_of(self, job_id: str, stage: str) -> Outcome:
        return next(
            report.outcome
            for report in list(self.reports)
            if report.work.job_id == job_id and report.stage == stage
        )

    def wait_for(self, *job_ids: str) -> None:
        wait_until(lambda: set(job_ids) <= set(self.ends), timeout_s=10, what=f"{job_ids} to end")


def engine_of(
    pipeline: Pipeline[LookupStage], listener: Listener, *, timeout_s: float = 30.0
) -> LookupEngine:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Pipeline[LookupStage]]:
        yield pipeline

    return LookupEngine(opened, listener, timeout_s=timeout_s)
