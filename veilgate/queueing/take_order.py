"""Whose turn it is: interactive jobs first, but bulk jobs are never starved."""

from veilgate.domain.jobs import Lane

BULK_EVERY = 8


class TakeOrder:
    """Counts takes; every eighth looks at the bulk list first."""

    def __init__(self) -> None:
        self._taken = 0

    def next_lanes(self) -> tuple[Lane, Lane]:
        """The lanes in the order in which to look for the next job."""
        if self._taken % BULK_EVERY == BULK_EVERY - 1:
            return Lane.BULK, Lane.INTERACTIVE
        return Lane.INTERACTIVE, Lane.BULK

    def took(self) -> None:
        self._taken += 1
