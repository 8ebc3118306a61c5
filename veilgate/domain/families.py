"""Which kind of worker process serves which jobs, and on which lists they wait for it."""

from dataclasses import dataclass

from veilgate.domain.jobs import JobKind, Lane


@dataclass(frozen=True, slots=True)
class WorkFamily:
    """Jobs that one kind of worker process serves, and the RQ queue of each lane."""

    name: str
    kinds: frozenset[JobKind]
    queues: dict[Lane, str]


IMAGES = WorkFamily(
    "images",
    kinds=frozenset({JobKind.VEIL}),
    queues={Lane.INTERACTIVE: "images-interactive", Lane.BULK: "images-bulk"},
)

FAMILIES = (IMAGES,)


def family_of(kind: JobKind) -> WorkFamily:
    return next(family for family in FAMILIES if kind in family.kinds)
