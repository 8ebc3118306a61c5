"""Jobs that wait in the database and are on no list: found, and put there."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from veilgate.persistence.inventory import Inventory, UnlistedJob
from veilgate.persistence.records import DueJob
from veilgate.persistence.unit_of_work import Database
from veilgate.services.jobs.job_lists import JobLists

_PAGE = 500


class MissingJobs:
    def __init__(self, database: Database, lists: JobLists) -> None:
        self._database = database
        self._lists = lists

    def find(
        self, *, untouched_ms: int, looked_at: Callable[[int], None] = lambda _number: None
    ) -> Iterator[list[UnlistedJob]]:
        """Pages of jobs that are due, on no list, and that nobody has touched for so long.

        The lists are read before the rows: who takes a job off a list says so in its row first.
        """
        place: Any = None
        listed: set[str] | None = None
        while True:
            with self._database.read() as transaction:
                page = Inventory(transaction.connection).waiting_after(
                    place, untouched_ms=untouched_ms, limit=_PAGE
                )
            if not page:
                return
            looked_at(len(page))
            place = page[-1].place
            listed = self._lists.listed() if listed is None else listed
            if suspects := [job.id for job in page if job.id not in listed]:
                listed = self._lists.listed()  # again, because some were put there since, or have begun
                with self._database.read() as transaction:
                    again = Inventory(transaction.connection).still_waiting(
                        suspects, untouched_ms=untouched_ms
                    )
                if missing := [job for job in again if job.id not in listed]:
                    yield missing

    def put_all(self) -> int:
        """Put every one that is due on its list now; returns how many those were."""
        return sum(self.put(page) for page in self.find(untouched_ms=0))

    def put(self, jobs: Sequence[DueJob]) -> int:
        """Put jobs on their lists and write that down; returns how many are listed now."""
        listed = self._lists.put(jobs)
        if listed:
            with self._database.write() as transaction:
                transaction.jobs.mark_dispatched(listed)
        return len(listed)
