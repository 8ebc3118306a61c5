"""Writes down what workers find out: one thread, so that whatever has gathered shares a transaction.

Grouping is by need, not by waiting: while one transaction is being synced to disk the next one fills.
"""

import json
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from veilgate.domain.errors import StageFailed, Unavailable, VeilgateError
from veilgate.domain.jobs import JobStatus
from veilgate.domain.retry import RetryPolicy, costs_attempt, costs_delivery, decide_retry
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.records import NewEvent
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.findable import write_embeddings, write_words
from veilgate.services.picture_engine import PictureEnd, StageReport
from veilgate.services.results import assemble_results, outcome_payload
from veilgate.services.superseded_files import drop_superseded
from veilgate.stages.contract import PictureWork
from veilgate.storage.keys import result_prefix
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_LARGEST_GROUP = 64
_DATABASE_PATIENCE_S = 30.0
DETECTED = "detected"


class Verdict(StrEnum):
    """What became of a job in the database."""

    COMPLETED = "completed"
    FAILED = "failed"
    RETRIED = "retried"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of one claim, after its transaction has been committed."""

    job_id: str
    fence: int
    verdict: Verdict
    error: VeilgateError | None = None


class Recorder:
    """Listens to the engine. `settled` hears of each end after it is committed, from this thread; `wake`
    of each job with something new to see."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        *,
        retry_policy: RetryPolicy,
        settled: Callable[[Settlement], None],
        wake: Callable[[Sequence[str]], None],
    ) -> None:
        self._database = database
        self._store = store
        self._retry_policy = retry_policy
        self._settled = settled
        self._wake = wake
        self._waiting: queue.SimpleQueue[StageReport | PictureEnd | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="recorder", daemon=True)
        self._thread.start()

    def stage_ended(self, reports: Sequence[StageReport]) -> None:
        for report in reports:
            self._waiting.put(report)

    def picture_ended(self, end: PictureEnd) -> None:
        self._waiting.put(end)

    def picture_dropped(self, work: PictureWork) -> None:
        self._drop_superseded(Settlement(work.job_id, work.fence, Verdict.LOST))

    def close(self) -> None:
        """Write what has gathered, then stop."""
        self._waiting.put(None)
        self._thread.join()

    def _loop(self) -> None:
        while True:
            group: list[StageReport | PictureEnd] = []
            last = self._waiting.get()
            while last is not None:
                group.append(last)
                if self._waiting.empty() or len(group) >= _LARGEST_GROUP:
                    break
                last = self._waiting.get()
            if group:
                self._write_patiently(group)
            if last is None:
                return

    def _write_patiently(self, group: list[StageReport | PictureEnd], *, may_be_there: bool = False) -> None:
        """Keep trying while the database is away or full; when our leases have run out, the fence protects
        others."""
        give_up_s = time.monotonic() + _DATABASE_PATIENCE_S
        pause_s = 0.1
        while True:
            try:
                settlements = self._write(group, may_be_there=may_be_there)
                break
            except Unavailable:
                may_be_there = True
                if time.monotonic() > give_up_s:
                    self._give_up(group, may_be_there=True)
                    return
                time.sleep(pause_s)
                pause_s = min(2.0, pause_s * 2)
            except Exception:  # noqa: BLE001 - one bad record must not take the others along
                if len(group) > 1:
                    for item in group:
                        self._write_patiently([item], may_be_there=may_be_there)
                    return
                _log.exception("record.failed", job_id=group[0].work.job_id)
                self._give_up(group, may_be_there=may_be_there)
                return
        self._tell(group, settlements)
        for settlement in settlements:
            self._drop_superseded(settlement)

    def _give_up(self, group: list[StageReport | PictureEnd], *, may_be_there: bool) -> None:
        """The leases will run out. As long as the server may still carry out a commit whose reply never came,
        the files stay: whoever completes the job, or `jobs verify`, removes those that nobody needs."""
        settlements = [_lost(item) for item in group if isinstance(item, PictureEnd)]
        self._tell(group, settlements)
        for settlement in settlements:
            _log.warning("record.given_up", job_id=settlement.job_id, in_doubt=may_be_there)
            if not may_be_there:
                self._drop_superseded(settlement)

    @again_after_deadlock
    def _write(self, group: list[StageReport | PictureEnd], *, may_be_there: bool) -> list[Settlement]:
        """One transaction. `may_be_there`: an earlier try may have been committed, and its reply lost."""
        settlements = []
        shown: list[PictureEnd] = []
        with self._database.write() as transaction:
            for item in group:
                if isinstance(item, StageReport):
                    _write_stage(transaction, item, may_be_there=may_be_there)
                else:
                    settlements.append(self._write_end(transaction, item, shown))
            write_words(transaction, [(end.work, _detected_counts(end)) for end in shown])
            write_embeddings(transaction, [end.work for end in shown])
            _add_totals(transaction, group, settlements)
        return settlements

    def _write_end(self, transaction: Transaction, end: PictureEnd, shown: list[PictureEnd]) -> Settlement:
        """`shown` takes up those whose result is shown from now on."""
        if end.error is None:
            return self._write_completion(transaction, end, shown)
        return self._write_failure(transaction, end, end.error)

    def _write_completion(
        self, transaction: Transaction, end: PictureEnd, shown: list[PictureEnd]
    ) -> Settlement:
        work = end.work
        results = json.dumps(assemble_results(end, self._store))
        event = NewEvent("job", JobStatus.COMPLETED, json.dumps({"processing_time": end.took_ms / 1000}))
        prefix = result_prefix(work.job_id, work.fence)
        if not transaction.events.append_fenced(work.job_id, work.fence, event):
            return _lost(end)
        transaction.claims.complete(work.job_id, work.fence, results=results, result_key=prefix)
        # The newest request is what is shown, in whatever order requests end.
        if transaction.images.point_to(work.image_id, work.job_id):
            detected = _detected_counts(end)
            transaction.images.replace_tags(work.image_id, DETECTED, detected, owner_id=work.owner_id)
            shown.append(end)
        return Settlement(work.job_id, work.fence, Verdict.COMPLETED)

    def _write_failure(self, transaction: Transaction, end: PictureEnd, error: VeilgateError) -> Settlement:
        work, attempts = end.work, end.work.attempts + (1 if costs_attempt(error) else 0)
        decision = decide_retry(
            error,
            attempts=attempts,
            starts=work.fence,
            policy=self._retry_policy,
            jitter=random.random(),  # noqa: S311 - not a secret
        )
        status = JobStatus.SUBMITTED if decision.again else JobStatus.FAILED
        payload = {"error": {"code": error.code, "message": error.message}, "attempts": attempts}
        if decision.again:
            payload["retry_in"] = round(decision.delay_s, 3)
        if not transaction.events.append_fenced(
            work.job_id, work.fence, NewEvent("job", status, json.dumps(payload))
        ):
            return _lost(end)
        if decision.again:
            transaction.claims.put_back(
                work.job_id,
                work.fence,
                attempts=attempts,
                delay_ms=int(decision.delay_s * 1000),
                suspect=False,
                error=error,
                delivery_counts=costs_delivery(error),
            )
            return Settlement(work.job_id, work.fence, Verdict.RETRIED, error)
        transaction.claims.fail(work.job_id, work.fence, error, attempts=attempts)
        return Settlement(work.job_id, work.fence, Verdict.FAILED, error)

    def _tell(self, group: list[StageReport | PictureEnd], settlements: list[Settlement]) -> None:
        if settlements:
            failpoint("after_pointer")
        self._wake(list(dict.fromkeys(item.work.job_id for item in group)))
        for settlement in settlements:
            self._settled(settlement)

    def _drop_superseded(self, settlement: Settlement) -> None:
        """Remove the files of this claim, unless it won, and of those before it."""
        job_id, fence = settlement.job_id, settlement.fence
        if settlement.verdict is Verdict.LOST:
            _log.warning("record.discarded", job_id=job_id, fence=fence)
        if settlement.verdict is Verdict.COMPLETED and fence == 1:
            return
        try:
            drop_superseded(self._database, self._store, job_id=job_id, fence=fence)
        except (VeilgateError, OSError):
            _log.warning("record.superseded_files_left", job_id=job_id)


def _write_stage(transaction: Transaction, report: StageReport, *, may_be_there: bool) -> None:
    work = report.work
    if may_be_there and transaction.events.has_stage(work.job_id, work.fence, report.stage):
        return
    outcome = report.outcome
    event = NewEvent(
        report.stage, outcome.kind, json.dumps(outcome_payload(outcome)), report.took_ms, outcome.model
    )
    transaction.events.append_fenced(work.job_id, work.fence, event)


def _add_totals(
    transaction: Transaction, group: list[StageReport | PictureEnd], settlements: list[Settlement]
) -> None:
    # Last in the transaction, because every worker updates the same few rows.
    verdicts = {settlement.job_id: settlement.verdict for settlement in settlements}
    done = [
        item
        for item in group
        if isinstance(item, PictureEnd) and verdicts[item.work.job_id] is Verdict.COMPLETED
    ]
    counted = list(verdicts.values())
    transaction.totals.add(
        completed=len(done),
        failed=counted.count(Verdict.FAILED),
        retries=counted.count(Verdict.RETRIED),
        processing_ms=sum(end.took_ms for end in done),
        faces_veiled=sum(end.outcomes["find_faces"].report["count"] for end in done),
        vehicles_found=sum(sum(_vehicle_counts(end).values()) for end in done),
    )


def _vehicle_counts(end: PictureEnd) -> dict[str, int]:
    counts: dict[str, int] = end.outcomes["find_vehicles"].report.get("counts", {})
    return counts


def _detected_counts(end: PictureEnd) -> dict[str, int]:
    """What was found and reported, by class: vehicles, and what else the face model knows."""
    also: dict[str, int] = end.outcomes["find_faces"].report["also_counts"]
    return dict(Counter(also) + Counter(_vehicle_counts(end)))


def _lost(end: PictureEnd) -> Settlement:
    return Settlement(
        end.work.job_id, end.work.fence, Verdict.LOST, StageFailed("The result could not be recorded.")
    )
