"""The events of jobs, for those who watch them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from veilgate.domain.errors import JobNotFound
from veilgate.domain.ids import is_id
from veilgate.persistence.records import EventRecord, JobStanding
from veilgate.persistence.unit_of_work import Database
from veilgate.persistence.watched_jobs import (
    read_spans,
    read_standing,
    read_standings,
)

# A reader who takes nothing has no more than this many held for it. A veil job has ten, a lookup twenty.
PAGE = 16


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events that follow each other after the number `after`, of a job that stood so when they were read."""

    standing: JobStanding
    after: int
    events: Sequence[EventRecord]

    @property
    def last_seq(self) -> int:
        return self.events[-1].seq if self.events else self.after

    @property
    def is_last(self) -> bool:
        """Whether the job has ended, and nothing follows these."""
        return self.standing.status.is_terminal and self.last_seq >= self.standing.event_seq


class JobEvents:
    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, job_id: str, owner_id: str, after: int) -> EventPage:
        """Raises `JobNotFound`. After a number that the job has not reached, and so is none of ours, all."""
        with self._database.read() as transaction:
            standing = read_standing(transaction.connection, job_id, owner_id) if is_id(job_id) else None
            if standing is None:
                raise JobNotFound
            known = after if after <= standing.event_seq else 0
            until = min(known + PAGE, standing.event_seq)
            events = read_spans(transaction.connection, {job_id: (known, until)})[job_id]
        return EventPage(standing, known, events)

    def news(self, known: Mapping[str, int | None]) -> dict[str, EventPage]:
        """Where these jobs stand, with what was written after the number known of each.

        Without a number, and after one that is long past, there are no events: who wants them reads pages.
        Jobs that are not in the answer are gone.
        """
        with self._database.read() as transaction:
            standings = read_standings(transaction.connection, known.keys())
            spans = {
                one.job_id: (seq, one.event_seq)
                for one in standings
                if (seq := known[one.job_id]) is not None and 0 < one.event_seq - seq <= PAGE
            }
            events = read_spans(transaction.connection, spans)
        return {
            one.job_id: EventPage(
                one, spans.get(one.job_id, (one.event_seq, 0))[0], events.get(one.job_id, ())
            )
            for one in standings
        }

    def lookup_of(self, image_id: str) -> str | None:
        """The lookup of the image that was asked for last, if there is one."""
        with self._database.read() as transaction:
            lookup = transaction.lookups.newest_of(image_id)
        return lookup.id if lookup else None
