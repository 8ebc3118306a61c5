"""Writes down what workers find out: one thread, so that whatever has gathered shares a transaction.

Grouping is by need, not by waiting: while one transaction is being synced to disk the next one fills. What
the end of a veil job writes stands in picture_ends.py, that of a lookup in lookup_ends.py.
"""

import json
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic

from veilgate.domain.errors import Unavailable, VeilgateError
from veilgate.domain.jobs import JobStatus
from veilgate.domain.retry import RetryPolicy, costs_attempt, costs_delivery, decide_retry
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.records import DueJob, NewEvent
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.engines.committed_ends import count_end, show_ends_of
from veilgate.services.engines.engine_reports import StageReport, Work
from veilgate.services.engines.lost_replies import settled_before
from veilgate.services.engines.settlements import EndT, EndWriter, Settlement, Verdict, lost
from veilgate.services.engines.spending import spent_totals, write_spending
from veilgate.services.jobs.job_log import log_accepted, log_end, log_stages
from veilgate.services.jobs.results import outcome_payload
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_LARGEST_GROUP = 64
_DATABASE_PATIENCE_S = 30.0


class Recorder(Generic[EndT]):
    """Listens to the engine. `settled` hears of each end after it is committed, from this thread; `wake`
    of each job with something new to see; `submitted` of jobs that follow from ends."""

    def __init__(
        self,
        database: Database,
        ends: EndWriter[EndT],
        *,
        retry_policy: RetryPolicy,
        settled: Callable[[Settlement], None],
        wake: Callable[[Sequence[str]], None],
        submitted: Callable[[DueJob], None] = lambda _job: None,
    ) -> None:
        show_ends_of(ends.kind)
        self._database = database
        self._ends = ends
        self._retry_policy = retry_policy
        self._settled = settled
        self._wake = wake
        self._submitted = submitted
        self._waiting: queue.SimpleQueue[StageReport | EndT | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="recorder", daemon=True)
        self._thread.start()

    def stage_ended(self, reports: Sequence[StageReport]) -> None:
        for report in reports:
            self._waiting.put(report)

    def work_ended(self, end: EndT) -> None:
        self._waiting.put(end)

    def work_dropped(self, work: Work) -> None:
        self._ends.clear(
            Settlement(work.job_id, work.fence, Verdict.LOST, correlation_id=work.correlation_id)
        )

    def close(self) -> None:
        """Write what has gathered, then stop."""
        self._waiting.put(None)
        self._thread.join()

    def _loop(self) -> None:
        while True:
            group: list[StageReport | EndT] = []
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

    def _write_patiently(self, group: list[StageReport | EndT], *, may_be_there: bool = False) -> None:
        """Keep trying while the database is away or full; when our leases have run out, the fence protects
        others."""
        give_up_s = time.monotonic() + _DATABASE_PATIENCE_S
        pause_s = 0.1
        while True:
            try:
                settlements, due = self._write(group, may_be_there=may_be_there)
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
        for job in due:
            log_accepted(job)
            self._submitted(job)
        log_stages([item for item in group if isinstance(item, StageReport)])
        self._tell(group, settlements)
        for settlement in settlements:
            self._ends.clear(settlement)

    def _give_up(self, group: list[StageReport | EndT], *, may_be_there: bool) -> None:
        """The leases will run out. As long as the server may still carry out a commit whose reply never came,
        the files stay: whoever completes the job, or `jobs verify`, removes those that nobody needs."""
        settlements = [lost(end) for end in _ends_in(group)]
        self._tell(group, settlements)
        for settlement in settlements:
            _log.warning("record.given_up", job_id=settlement.job_id, in_doubt=may_be_there)
            if not may_be_there:
                self._ends.clear(settlement)

    @again_after_deadlock
    def _write(
        self, group: list[StageReport | EndT], *, may_be_there: bool
    ) -> tuple[list[Settlement], Sequence[DueJob]]:
        """One transaction. `may_be_there`: an earlier try may have been committed, and its reply lost."""
        ended: list[tuple[EndT, Settlement]] = []
        told, ends = [item for item in group if isinstance(item, StageReport)], _ends_in(group)
        with self._database.write() as transaction:
            if may_be_there and (settled := settled_before(transaction, told, ends)) is not None:
                return settled, ()
            for item in group:
                if isinstance(item, StageReport):
                    _write_stage(transaction, item)
                else:
                    ended.append((item, self._write_end(transaction, item)))
            due = self._ends.write(transaction, ended)
            # Last in the transaction, because every worker updates the same few rows.
            transaction.totals.add(**self._ends.totals(ended), **spent_totals(told))
            write_spending(transaction, told)
        return [settlement for _, settlement in ended], due

    def _write_end(self, transaction: Transaction, end: EndT) -> Settlement:
        if end.error is None:
            return self._write_completion(transaction, end)
        return self._write_failure(transaction, end, end.error)

    def _write_completion(self, transaction: Transaction, end: EndT) -> Settlement:
        work = end.work
        results = json.dumps(self._ends.results(end))
        event = NewEvent("job", JobStatus.COMPLETED, json.dumps({"processing_time": end.took_ms / 1000}))
        if not transaction.events.append_fenced(work.job_id, work.fence, event):
            return lost(end)
        transaction.claims.complete(
            work.job_id, work.fence, results=results, result_key=self._ends.result_key(end)
        )
        return Settlement(work.job_id, work.fence, Verdict.COMPLETED)

    def _write_failure(self, transaction: Transaction, end: EndT, error: VeilgateError) -> Settlement:
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
            return lost(end)
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

    def _tell(self, group: list[StageReport | EndT], settlements: list[Settlement]) -> None:
        for end, settlement in zip(_ends_in(group), settlements, strict=True):
            count_end(self._ends.kind, end, settlement)
            log_end(end, settlement)
            if settlement.verdict is Verdict.COMPLETED:
                self._ends.count_found(end)
        if settlements:
            failpoint("after_pointer")
        self._wake(list(dict.fromkeys(item.work.job_id for item in group)))
        for settlement in settlements:
            self._settled(settlement)


def _ends_in(group: list[StageReport | EndT]) -> list[EndT]:
    return [item for item in group if not isinstance(item, StageReport)]


def _write_stage(transaction: Transaction, report: StageReport) -> None:
    """Unless its claim is another's by now."""
    work, outcome = report.work, report.outcome
    event = NewEvent(
        report.stage, outcome.kind, json.dumps(outcome_payload(outcome)), report.took_ms, outcome.model
    )
    transaction.events.append_fenced(work.job_id, work.fence, event)
