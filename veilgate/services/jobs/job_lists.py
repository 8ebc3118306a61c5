"""What an operator's commands ask of the lists in Redis."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from veilgate.persistence.records import DueJob


class Standing(StrEnum):
    """Where a job is in Redis."""

    WAITING = "waiting"
    HANDED_OVER = "handed over"
    STARTED = "started"
    NOT_LISTED = "not listed"


@dataclass(frozen=True, slots=True)
class Place:
    """`position` counts from 0 at the front of the list called `list_name`."""

    standing: Standing
    list_name: str | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True)
class StartedEntry:
    """What RQ counts as started, and for how long its worker has been silent beyond what it may (seconds;
    negative = it may still be)."""

    list_name: str
    entry: str
    job_id: str
    overdue_s: float


class JobLists(Protocol):
    """Every call raises `QueueUnavailable` while Redis is away."""

    def put(self, jobs: Sequence[DueJob]) -> list[str]:
        """Make sure that jobs are listed; returns the ids of those that are. Safe to repeat."""
        ...

    def listed(self) -> set[str]:
        """Ids that wait, are being handed over or are in a worker's hands, on whichever list."""
        ...

    def place_of(self, job_id: str) -> Place: ...

    def forget(self, job_ids: Collection[str]) -> None:
        """Remove ended jobs from all lists."""
        ...

    def wake(self, job_ids: Sequence[str]) -> None:
        """Tell whoever watches these jobs that there is something new. Best effort: never raises."""
        ...

    def started(self) -> Iterator[StartedEntry]:
        """What workers hold, by RQ's registry of each list."""
        ...

    def look_again(self, entry: StartedEntry) -> StartedEntry | None:
        """The entry as it stands now, or None when it is gone."""
        ...

    def bring_back(self) -> int:
        """Put what dead workers held back on its list, as the sweeper does; returns how many entries."""
        ...
