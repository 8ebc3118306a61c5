"""Lists in Redis against jobs: who waits is listed, who is listed waits or runs, RQ's registries agree."""

from collections.abc import Iterator
from functools import partial

from veilgate.domain.jobs import JobStatus
from veilgate.persistence.inventory import Inventory, UnlistedJob
from veilgate.persistence.unit_of_work import Database
from veilgate.services.job_lists import Book, BookEntry, JobLists
from veilgate.services.missing_jobs import MissingJobs
from veilgate.services.object_pages import pages
from veilgate.services.verification import Finding, LookedAt

_NEVER_USED = frozenset({Book.DEFERRED, Book.SCHEDULED, Book.CANCELED})


class UnlistedJobs:
    """`job_not_listed`: a job waits, is due, and is on no list."""

    looks_at = "jobs waiting for long"

    def __init__(self, database: Database, missing_jobs: MissingJobs, *, patience_ms: int) -> None:
        self._database = database
        self._missing_jobs = missing_jobs
        self._patience_ms = patience_ms

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        for page in self._missing_jobs.find(untouched_ms=self._patience_ms, looked_at=looked_at):
            for job in page:
                text = f"waits for a worker on no list ({job.lane})"
                yield Finding("job_not_listed", f"job {job.id}", text, partial(self._put, job))

    def _put(self, job: UnlistedJob) -> str:
        with self._database.read() as transaction:
            still = Inventory(transaction.connection).still_waiting([job.id], untouched_ms=0)
        return "is listed now" if self._missing_jobs.put(still) else "it was begun meanwhile"


class DeadEntries:
    """`entry_of_ended_job` and `entry_of_unknown_job`: what nobody needs to work on is listed."""

    looks_at = "list entries"

    def __init__(self, database: Database, lists: JobLists, *, patience_ms: int) -> None:
        self._database = database
        self._lists = lists
        self._patience_ms = patience_ms

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        for page in pages(sorted(self._lists.listed())):
            if suspects := self._dead(page):
                still_listed = self._lists.listed()
                dead = self._dead([job_id for job_id in suspects if job_id in still_listed])
                yield from (self._finding(job_id, name) for job_id, name in dead.items())
            looked_at(len(page))

    def _dead(self, job_ids: list[str]) -> dict[str, str]:
        """Those that ended a while ago, and those without a row: rows are written before entries."""
        with self._database.read() as transaction:
            inventory = Inventory(transaction.connection)
            known = inventory.known_jobs(job_ids)
            ended = inventory.ended_jobs(job_ids, since_ms=self._patience_ms)
        unknown = {job_id: "entry_of_unknown_job" for job_id in job_ids if job_id not in known}
        return unknown | dict.fromkeys(ended, "entry_of_ended_job")

    def _finding(self, job_id: str, name: str) -> Finding:
        text = "is listed, and has ended" if name == "entry_of_ended_job" else "is listed, and has no row"
        return Finding(name, f"job {job_id}", text, partial(self._forget, job_id))

    def _forget(self, job_id: str) -> str:
        if self._dead([job_id]):
            self._lists.forget([job_id])
            return "the entry was removed"
        return "it was submitted again meanwhile"


class RqRegistries:
    """`rq_lease_overdue`: nobody has swept what a dead worker held. `rq_entry_wrong`: a registry contradicts
    the database, or keeps what it should have dropped."""

    looks_at = "registry entries"

    def __init__(self, database: Database, lists: JobLists, *, patience_ms: int) -> None:
        self._database = database
        self._lists = lists
        self._patience_ms = patience_ms

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        for page in pages(self._lists.book_entries()):
            with self._database.read() as transaction:
                known = Inventory(transaction.connection).known_jobs([entry.job_id for entry in page])
            for entry in page:
                if self._wrong(entry, known.get(entry.job_id)) and (now := self._lists.look_again(entry)):
                    yield from self._findings(now, known.get(entry.job_id))
            looked_at(len(page))

    def _findings(self, entry: BookEntry, status: JobStatus | None) -> Iterator[Finding]:
        if text := self._wrong(entry, status):
            subject = f"job {entry.job_id}"
            if entry.book is Book.STARTED:
                yield Finding("rq_lease_overdue", subject, text, self._bring_back)
            else:
                yield Finding("rq_entry_wrong", subject, text, partial(self._strike_out, entry))

    def _wrong(self, entry: BookEntry, status: JobStatus | None) -> str:
        is_overdue = entry.overdue_s * 1000 > self._patience_ms
        if entry.book is Book.STARTED:
            silent = f"started on {entry.list_name} by a worker that fell silent {entry.overdue_s:.0f} s ago"
            return silent if is_overdue else ""
        where = f"in RQ's registry of {entry.book} jobs of {entry.list_name}"
        if entry.book in _NEVER_USED:
            return f"{where}, which nobody looks at"
        if is_overdue:
            return f"{where}, {entry.overdue_s:.0f} s longer than it should be"
        if status is None:
            return f"{where}, and has no row"
        # RQ hears of an end after the database, and one that failed may have been submitted again since.
        expected = status is JobStatus.COMPLETED
        return f"{where}, and is {status}" if (entry.book is Book.FINISHED) != expected else ""

    def _strike_out(self, entry: BookEntry) -> str:
        self._lists.strike_out(entry)
        return "the entry was removed"

    def _bring_back(self) -> str:
        self._lists.bring_back()
        return "back on its list"
