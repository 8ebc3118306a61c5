"""An operator's retry and cancel, of everybody's jobs."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from veilgate.domain.errors import IllegalTransition, JobNotFound, OriginalDropped, QueueUnavailable
from veilgate.domain.ids import is_id
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.job_listing import FailedJob, JobListing, WholeJob
from veilgate.persistence.records import DueJob
from veilgate.persistence.unit_of_work import Database
from veilgate.services.jobs.job_control import JobControl
from veilgate.services.jobs.job_lists import JobLists
from veilgate.services.jobs.missing_jobs import MissingJobs

_PAGE = 200
_OPEN = {JobStatus.SUBMITTED, JobStatus.PROCESSING}


class JobOperations:
    """Retried jobs are put on their lists at once; while Redis is away (`was_away`) the reconciler does it
    later."""

    def __init__(self, database: Database, lists: JobLists) -> None:
        self._database = database
        self._lists = lists
        self._control = JobControl(database)
        self._missing = MissingJobs(database, lists)
        self.was_away = False

    def retry(self, job_id: str) -> bool:
        """Submit an ended job again; False when it waits or runs anyway. Raises `JobNotFound` and
        `IllegalTransition`."""
        found = self._find(job_id)
        if found.status in _OPEN:
            return False
        job = self._control.retry(job_id, found.owner_id)
        self._dispatch([DueJob(job.id, job.kind, job.lane)])
        return True

    def cancel(self, job_id: str) -> bool:
        """End a job; False when it was cancelled before. Raises `JobNotFound` and `IllegalTransition`."""
        found = self._find(job_id)
        if found.status == JobStatus.CANCELLED:
            return False
        self._control.cancel(job_id, found.owner_id)
        self._lists.wake([job_id])
        return True

    def retry_failed(self, *, code: str | None, retried: Callable[[int], None]) -> int:
        """Submit every dead letter again, or those with one error code; `retried` hears how many so far.

        Each once: one that fails again meanwhile stays where it is in the order, behind us.
        """
        total, place = 0, None
        while page := self._failed_after(place, code=code):
            place = page[-1].place
            again = []
            for job in page:
                with suppress(IllegalTransition, JobNotFound, OriginalDropped):  # somebody else was quicker
                    record = self._control.retry(job.id, job.owner_id)
                    again.append(DueJob(record.id, record.kind, record.lane))
            self._dispatch(again)
            total += len(again)
            retried(total)
        return total

    def requeue_missing(self) -> int:
        """Put everything that waits, is due and is on no list on its list; returns how many."""
        return self._missing.put_all()

    def _failed_after(self, place: Any, *, code: str | None) -> list[FailedJob]:
        with self._database.read() as transaction:
            return JobListing(transaction.connection).failed_after(place, code=code, limit=_PAGE)

    def _dispatch(self, jobs: list[DueJob]) -> None:
        try:
            self._missing.put(jobs)
        except QueueUnavailable:
            self.was_away = True
        self._lists.wake([job.id for job in jobs])

    def _find(self, job_id: str) -> WholeJob:
        if not is_id(job_id):
            raise JobNotFound
        with self._database.read() as transaction:
            found = JobListing(transaction.connection).whole(job_id)
        if found is None:
            raise JobNotFound
        return found
