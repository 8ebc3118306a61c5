"""Lists in Redis against jobs: who waits is listed, who is listed waits or runs, who is held is worked on."""

from collections.abc import Iterator
from functools import partial

from veilgate.persistence.inventory import Inventory, UnlistedJob
from veilgate.persistence.unit_of_work import Database
from veilgate.services.images.object_pages import pages
from veilgate.services.jobs.job_lists import JobLists, StartedEntry
from veilgate.services.jobs.missing_jobs import MissingJobs
from veilgate.services.verification.verification import Finding, LookedAt


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


class StartedEntries:
    """`rq_lease_overdue`: nobody has swept what a dead worker held."""

    looks_at = "entries in workers' hands"

    def __init__(self, lists: JobLists, *, patience_ms: int) -> None:
        self._lists = lists
        self._patience_ms = patience_ms

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        for page in pages(self._lists.started()):
            for entry in filter(self._is_overdue, page):
                if (now := self._lists.look_again(entry)) and self._is_overdue(now):
                    yield self._finding(now)
            looked_at(len(page))

    def _is_overdue(self, entry: StartedEntry) -> bool:
        return entry.overdue_s * 1000 > self._patience_ms

    def _finding(self, entry: StartedEntry) -> Finding:
        text = f"started on {entry.list_name} by a worker that fell silent {entry.overdue_s:.0f} s ago"
        return Finding("rq_lease_overdue", f"job {entry.job_id}", text, self._bring_back)

    def _bring_back(self) -> str:
        """All that dead workers held, whichever this is for."""
        self._lists.bring_back()
        return "back on its list"
