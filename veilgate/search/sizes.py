"""What counts as few in an index in this process."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    # The tail is sealed when it has so many rows; all of them are compared in a millisecond.
    tail_rows: int = 4096
    # An owner's rows in one segment have an approximation from here on.
    approximated_from: int = 8192
    # So many candidates are compared one by one.
    exact_within: int = 15_000
    # Rows that died long ago are looked for so often, though nothing else changes.
    look_every_s: float = 600.0
