"""Which kind of worker process serves which jobs, and on which lists they wait for it."""

from dataclasses import dataclass

from veilgate.domain.jobs import JobKind, Lane


@dataclass(frozen=True, slots=True)
class WorkFamily:
    """Jobs that one kind of worker process serves, and the RQ queue of each lane.

    `suspects_run_alone`: a job that was in a process that died may have ended it, and is taken alone next
    time. That is for native code; a lookup only waits for others.
    """

    name: str
    kinds: frozenset[JobKind]
    queues: dict[Lane, str]
    suspects_run_alone: bool = True


IMAGES = WorkFamily(
    "images",
    kinds=frozenset({JobKind.VEIL}),
    queues={Lane.INTERACTIVE: "images-interactive", Lane.BULK: "images-bulk"},
)

LOOKUPS = WorkFamily(
    "lookups",
    kinds=frozenset({JobKind.LOOKUP}),
    queues={Lane.INTERACTIVE: "lookups-interactive", Lane.BULK: "lookups-bulk"},
    suspects_run_alone=False,
)

FAMILIES = (IMAGES, LOOKUPS)


def family_of(kind: JobKind) -> WorkFamily:
    return next(family for family in FAMILIES if kind in family.kinds)
