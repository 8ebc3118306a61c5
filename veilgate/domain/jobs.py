"""The life of a job: its states, which change is legal, and who waits before whom."""

from enum import StrEnum


class JobStatus(StrEnum):
    SUBMITTED = "submitted"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL


class JobKind(StrEnum):
    VEIL = "veil"
    LOOKUP = "lookup"


class Lane(StrEnum):
    """Which list a job waits in: people wait for interactive jobs, bulk jobs wait for them."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


# What the event says by which an ended job is submitted again.
TRIED_AGAIN = '{"retried": true}'

TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})

LEGAL_TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.SUBMITTED: frozenset({JobStatus.PROCESSING, JobStatus.CANCELLED, JobStatus.FAILED}),
    JobStatus.PROCESSING: frozenset(
        {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.SUBMITTED}
    ),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset({JobStatus.SUBMITTED}),
    JobStatus.CANCELLED: frozenset({JobStatus.SUBMITTED}),
}


def sources_of(target: JobStatus) -> frozenset[JobStatus]:
    """The states from which `target` may be reached."""
    return frozenset(source for source, targets in LEGAL_TRANSITIONS.items() if target in targets)
