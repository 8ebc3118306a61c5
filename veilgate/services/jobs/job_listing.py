"""What an operator asks about jobs: which there are, and everything about one."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from veilgate.domain.errors import JobNotFound, QueueUnavailable
from veilgate.domain.ids import is_id
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.job_listing import JobListing, ListedJob, WholeJob
from veilgate.persistence.records import EventRecord
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.jobs.job_lists import JobLists
from veilgate.services.overview.statistics import Statistics
from veilgate.storage.ports import ObjectStore

_OPEN = frozenset({JobStatus.SUBMITTED, JobStatus.PROCESSING})
_EVENTS_PAGE = 1000


@dataclass(frozen=True, slots=True)
class JobSearch:
    """Which jobs to list. Where only open ones are asked for, those that wait longest come first; else the
    newest do."""

    statuses: frozenset[JobStatus] = frozenset()
    image_id: str | None = None
    older_than_ms: int = 0
    limit: int = 50

    @property
    def oldest_first(self) -> bool:
        return bool(self.statuses) and self.statuses <= _OPEN


class JobDirectory:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, search: JobSearch) -> dict[str, Any]:
        """The jobs found, each with its age, and how many of each status there are in all."""
        with self._database.read() as transaction:
            now_ms = transaction.now_ms()
            found = _find(JobListing(transaction.connection), search)
        stats = Statistics(self._database).stats()
        return {
            "jobs": [{**asdict(job), "age_s": (now_ms - job.created_at_ms) / 1000} for job in found],
            "counts": {status: stats["jobs"][status] + stats["lookups"][status] for status in JobStatus},
        }

    def describe(self, job_id: str, *, lists: JobLists, store: ObjectStore) -> dict[str, Any]:
        """Everything about one job, for people and programs. Raises `JobNotFound`."""
        with self._database.read() as transaction:
            job = JobListing(transaction.connection).whole(job_id) if is_id(job_id) else None
            if job is None:
                raise JobNotFound
            events = _events(transaction, job_id)
            now_ms = transaction.now_ms()
        return {
            "job": {**asdict(job), "options": json.loads(job.options)},
            "now_ms": now_ms,
            "original": _original(job, store),
            "result_files": sorted(store.list(job.result_key)) if job.result_key else [],
            "redis": _standing(job_id, lists),
            "events": [{**asdict(event), "payload": json.loads(event.payload)} for event in events],
        }


def _find(listing: JobListing, search: JobSearch) -> Sequence[ListedJob]:
    older_than_ms, limit = search.older_than_ms, search.limit
    if search.image_id:
        of_image = listing.of_image(search.image_id, older_than_ms=older_than_ms)
        found = [job for job in of_image if not search.statuses or job.status in search.statuses]
    elif search.statuses:
        found = [
            job
            for status in search.statuses
            for job in listing.in_status(
                status, older_than_ms=older_than_ms, limit=limit, oldest_first=search.oldest_first
            )
        ]
    else:
        found = listing.newest(older_than_ms=older_than_ms, limit=limit)
    return sorted(found, key=lambda job: job.id, reverse=not search.oldest_first)[:limit]


def _events(transaction: Transaction, job_id: str) -> list[EventRecord]:
    events: list[EventRecord] = []
    while page := transaction.events.after(job_id, events[-1].seq if events else 0, limit=_EVENTS_PAGE):
        events += page
    return events


def _original(job: WholeJob, store: ObjectStore) -> dict[str, Any]:
    try:
        size = store.size_bytes(job.original_key)
    except FileNotFoundError:
        return {"key": job.original_key, "is_there": False, "size": None}
    return {"key": job.original_key, "is_there": True, "size": size}


def _standing(job_id: str, lists: JobLists) -> dict[str, Any]:
    try:
        return asdict(lists.place_of(job_id))
    except QueueUnavailable as error:
        return {"standing": "unknown", "reason": error.message}
