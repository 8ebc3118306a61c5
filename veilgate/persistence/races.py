"""Losing a race is no error: somebody wrote the same thing a moment before us."""

from veilgate.domain.errors import IdempotencyConflict


class WrittenByAnother(IdempotencyConflict):
    """The row is there already. The transaction is void: begin a new one and read theirs."""
