"""Cancelling a job, and trying an ended one again."""

import json

from veilgate.domain.errors import IllegalTransition, JobNotFound, OriginalDropped
from veilgate.domain.ids import is_id
from veilgate.domain.jobs import TRIED_AGAIN, JobKind, JobStatus
from veilgate.domain.totals import reopened_of, total_of
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.records import JobRecord, NewEvent
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)


class JobControl:
    def __init__(self, database: Database) -> None:
        self._database = database

    def cancel(self, job_id: str, owner_id: str) -> JobRecord:
        """End a job that waits or runs; cancelling twice is no error."""
        job, has_changed = self._cancel(job_id, owner_id)
        if has_changed:
            _log.info("job.cancelled", job_id=job_id)
        return job

    def retry(self, job_id: str, owner_id: str) -> JobRecord:
        """Submit a failed or cancelled job again, with fresh attempts; one that waits or runs is left."""
        job, has_changed = self._retry(job_id, owner_id)
        if has_changed:
            _log.info("job.retried", job_id=job_id)
        return job

    @again_after_deadlock
    def _cancel(self, job_id: str, owner_id: str) -> tuple[JobRecord, bool]:
        with self._database.write() as transaction:
            job = _existing(transaction, job_id, owner_id)
            if job.status is JobStatus.CANCELLED:
                return job, False
            if not transaction.jobs.cancel(job_id):
                raise IllegalTransition(
                    f"The job is {job.status}; only waiting and running jobs can be cancelled."
                )
            transaction.events.append(job_id, NewEvent("job", JobStatus.CANCELLED, json.dumps({})))
            transaction.totals.add(**{total_of(job.kind, JobStatus.CANCELLED): 1})
            return _existing(transaction, job_id, owner_id), True

    @again_after_deadlock
    def _retry(self, job_id: str, owner_id: str) -> tuple[JobRecord, bool]:
        with self._database.write() as transaction:
            job = _existing(transaction, job_id, owner_id)
            if job.status in {JobStatus.SUBMITTED, JobStatus.PROCESSING}:
                return job, False
            image = transaction.images.get(job.image_id, owner_id=owner_id)
            needs_original = job.kind is JobKind.VEIL
            if image is None or (needs_original and image.original_dropped_at_ms is not None):
                raise OriginalDropped
            if not transaction.jobs.submit_again(job_id):
                raise IllegalTransition(
                    f"The job is {job.status}; only failed and cancelled jobs can be retried."
                )
            transaction.events.append(job_id, NewEvent("job", JobStatus.SUBMITTED, TRIED_AGAIN))
            transaction.totals.add(
                **{total_of(job.kind, job.status): -1, reopened_of(job.kind, job.status): 1}
            )
            return _existing(transaction, job_id, owner_id), True


def _existing(transaction: Transaction, job_id: str, owner_id: str) -> JobRecord:
    if not is_id(job_id):
        raise JobNotFound
    # Or of two who cancel at once the second would find a job that waits and cannot be cancelled.
    transaction.jobs.hold(job_id)
    job = transaction.jobs.get(job_id, owner_id=owner_id)
    if job is None:
        raise JobNotFound
    return job
