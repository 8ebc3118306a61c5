"""Rows against rows: what images show, events, and leases that nobody took back."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

from veilgate.domain.search import TermSource
from veilgate.domain.words import words_of_labels
from veilgate.persistence.inventory import EventCount, Inventory, OverdueLease, Pointer
from veilgate.persistence.records import NewEvent
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.images.object_pages import PAGE
from veilgate.services.verification.verification import Finding, LookedAt

_MEANWHILE = "it was put right meanwhile"


class Pointers:
    """`pointer_missing` and `pointer_wrong`: an image shows the newest request of it that completed."""

    looks_at = "pointers"

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        last = ""
        while True:
            with self._database.read() as transaction:
                page = Inventory(transaction.connection).pointers_after(last, limit=PAGE)
            if not page:
                return
            last = page[-1].image_id
            yield from (self._finding(one) for one in page if one.shown != one.newest_completed)
            looked_at(len(page))

    def _finding(self, wrong: Pointer) -> Finding:
        right = f"job {wrong.newest_completed}" if wrong.newest_completed else "nothing"
        repair = partial(self._point, wrong.image_id)
        subject = f"image {wrong.image_id}"
        if wrong.shown is None:
            return Finding("pointer_missing", subject, f"shows nothing, though {right} completed", repair)
        return Finding(
            "pointer_wrong", subject, f"shows job {wrong.shown} where {right} is to be shown", repair
        )

    def _point(self, image_id: str) -> str:
        with self._database.write() as transaction:
            inventory = Inventory(transaction.connection)
            wrong = inventory.pointer_of(image_id)
            if wrong is None or wrong.shown == wrong.newest_completed or not inventory.point(wrong):
                return _MEANWHILE
            found = _tags(transaction, wrong.newest_completed)
            transaction.images.replace_tags(image_id, TermSource.DETECTED, found, owner_id=wrong.owner_id)
            words: dict[str, list[str]] = {TermSource.DETECTED: words_of_labels(found)}
            transaction.terms.replace(image_id, words, owner_id=wrong.owner_id)
        return f"shows {wrong.newest_completed or 'nothing'} now"


class Events:
    """`events_gap` and `event_of_end_missing`: numbers are 1..n, and the last of an ended job is its end."""

    looks_at = "jobs with their events"

    def __init__(self, database: Database, wake: Callable[[list[str]], None]) -> None:
        self._database = database
        self._wake = wake

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        last = ""
        while True:
            with self._database.read() as transaction:
                page = Inventory(transaction.connection).event_counts_after(last, limit=PAGE)
            if not page:
                return
            last = page[-1].job_id
            yield from (self._finding(one) for one in page if one.has_gap or one.lacks_end)
            looked_at(len(page))

    def _finding(self, job: EventCount) -> Finding:
        subject = f"job {job.job_id}"
        if job.has_gap:
            text = f"has {job.count} events, the highest number is {job.highest}, {job.event_seq} were given"
            return Finding("events_gap", subject, text, why_not="what happened then is written nowhere else")
        text = f"is {job.status}, and its last event does not say so"
        return Finding("event_of_end_missing", subject, text, partial(self._write_end, job.job_id))

    def _write_end(self, job_id: str) -> str:
        with self._database.write() as transaction:
            transaction.jobs.hold(job_id)
            job = Inventory(transaction.connection).event_count_of(job_id)
            if job is None or not job.lacks_end:
                return _MEANWHILE
            transaction.events.append(
                job_id, NewEvent("job", job.status, json.dumps({"written_later": True}))
            )
        self._wake([job_id])
        return "the event was written"


class OverdueLeases:
    """`lease_overdue`: a worker fell silent, and nobody has taken its job back since."""

    looks_at = "overdue leases"

    def __init__(self, database: Database, expire: Callable[[], int], *, patience_ms: int) -> None:
        self._database = database
        self._expire = expire
        self._patience_ms = patience_ms

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        last: OverdueLease | None = None
        while True:
            with self._database.read() as transaction:
                page = Inventory(transaction.connection).overdue_leases(
                    overdue_ms=self._patience_ms, after=last, limit=PAGE
                )
            if not page:
                return
            last = page[-1]
            for one in page:
                text = f"the lease of {one.worker} ran out {one.overdue_ms / 1000:.0f} s ago"
                yield Finding("lease_overdue", f"job {one.job_id}", text, self._take_back)
            looked_at(len(page))

    def _take_back(self) -> str:
        """All that have run out, whichever this is for."""
        self._expire()
        return "submitted again, or ended if it was tried too often"


def _tags(transaction: Transaction, job_id: str | None) -> dict[str, int]:
    """What the shown result found, by class, as the recorder counts it."""
    if job_id is None:
        return {}
    found = json.loads(Inventory(transaction.connection).results_of(job_id) or "{}").get(
        "detection_metadata", {}
    )
    also = Counter(str(one["label"]) for one in found.get("also_found", []))
    return dict(also + Counter(found.get("counts", {})))
