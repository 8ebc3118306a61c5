"""Jobs whose worker fell silent: back to those that wait, or to their end."""

import json
from collections.abc import Callable, Sequence

from veilgate.domain.errors import PictureFailed, TooManyDeliveries, VeilgateError, WorkerDied
from veilgate.domain.jobs import JobKind, JobStatus
from veilgate.domain.retry import RetryPolicy
from veilgate.domain.totals import total_of
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.records import ExpiredJob, NewEvent
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.engines.superseded_files import drop_superseded
from veilgate.services.jobs.job_log import log_expired
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import JOB_FAILURES, JOBS_PUT_RIGHT, from_zero

_log = get_logger(__name__)
_PAGE = 200


class LeaseExpiry:
    """A process that dies takes all its pictures along. Which of them was guilty shows when each runs alone:
    only then does a death count against the picture."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        *,
        policy: RetryPolicy,
        wake: Callable[[Sequence[str]], None],
    ) -> None:
        from_zero(JOB_FAILURES, JobKind, [WorkerDied.code, TooManyDeliveries.code], ["false"])
        self._database = database
        self._store = store
        self._policy = policy
        self._wake = wake

    def expire(self) -> int:
        """Deal with every expired lease; returns how many there were."""
        count = 0
        while True:
            expired, failed = self._expire_page()
            if not expired:
                return count
            count += len(expired)
            JOBS_PUT_RIGHT.labels("lease_expired").inc(len(expired))
            for job, error in failed:
                JOB_FAILURES.labels(job.kind, error.code, "false").inc()
            self._wake([job.id for job in expired])
            self._drop_files([job for job, _ in failed])
            ended = {job.id for job, _ in failed}
            log_expired(
                (job, JobStatus.FAILED if job.id in ended else JobStatus.SUBMITTED) for job in expired
            )

    @again_after_deadlock
    def _expire_page(self) -> tuple[list[ExpiredJob], list[tuple[ExpiredJob, PictureFailed]]]:
        """Those that were dealt with, and those of them that have ended."""
        with self._database.write() as transaction:
            expired = transaction.claims.lock_expired(limit=_PAGE)
            failed = [(job, error) for job in expired if (error := self._expire_one(transaction, job))]
        return expired, failed

    def _expire_one(self, transaction: Transaction, job: ExpiredJob) -> PictureFailed | None:
        """Put a job back, or end it: with what."""
        attempts = job.attempts + (1 if job.ran_alone else 0)
        error = self._final_error(attempts, job.deliveries)
        status = JobStatus.FAILED if error else JobStatus.SUBMITTED
        payload: dict[str, object] = {"lease_expired": True, "attempts": attempts}
        if error:
            payload["error"] = {"code": error.code, "message": error.message}
        if not transaction.events.append_fenced(
            job.id, job.fence, NewEvent("job", status, json.dumps(payload))
        ):
            return None
        if error:
            transaction.claims.fail(job.id, job.fence, error, attempts=attempts)
            transaction.totals.add(**{total_of(job.kind, JobStatus.FAILED): 1})
        else:
            transaction.claims.put_back(
                job.id, job.fence, attempts=attempts, delay_ms=0, suspect=True, error=None
            )
        return error

    def _drop_files(self, failed: Sequence[ExpiredJob]) -> None:
        """What the workers had stored before they died. The owner may have such a job tried again."""
        try:
            for job in failed:
                # A lookup has stored none, and looking costs as much.
                if job.kind is not JobKind.VEIL:
                    continue
                drop_superseded(self._database, self._store, job_id=job.id, fence=job.fence)
        except (VeilgateError, OSError):
            _log.warning("lease.files_left", jobs=len(failed))

    def _final_error(self, attempts: int, deliveries: int) -> PictureFailed | None:
        if attempts >= self._policy.max_attempts:
            return WorkerDied()
        if deliveries >= self._policy.max_deliveries:
            return TooManyDeliveries()
        return None
