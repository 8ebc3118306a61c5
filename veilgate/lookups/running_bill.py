"""What asking has come to so far, for whoever is cut off before it is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from veilgate.domain.lookups import Bill


class Billed(Protocol):
    """Something whose bill grows as it goes on."""

    @property
    def bill(self) -> Bill: ...


_entries: ContextVar[list[Billed] | None] = ContextVar("lookup_running_bill", default=None)


@contextmanager
def keeping_bill() -> Iterator[None]:
    """What is asked in the block, and in tasks that are made there, is on one bill."""
    token = _entries.set([])
    try:
        yield
    finally:
        _entries.reset(token)


def put_on_bill(billed: Billed) -> None:
    """It counts with what it has come to by the time that somebody reads the bill."""
    entries = _entries.get()
    if entries is not None:
        entries.append(billed)


def spent_so_far() -> Bill:
    """Nothing where nobody keeps a bill."""
    return sum((billed.bill for billed in _entries.get() or ()), Bill())
