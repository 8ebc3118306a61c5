"""How sure an adapter is of a name, on one scale for all: docs/lookups.md says what each begins with."""

_NEXT_IN_RANK = 0.9


def by_rank(best: float, rank: int) -> float:
    """Of the first (rank 0) `best`, and of each that follows a tenth less than of the one before it."""
    return round(best * _NEXT_IN_RANK**rank, 3)
