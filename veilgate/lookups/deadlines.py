"""By when an answer is of use: said once by whoever looks something up, for all that is asked meanwhile."""

import asyncio
import math
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# On the clock of the event loop; infinite = nobody has said.
_deadline: ContextVar[Callable[[], float]] = ContextVar("lookup_deadline", default=lambda: math.inf)


@contextmanager
def answers_by(deadline_s: float) -> Iterator[None]:
    """What is asked in the block, and in tasks that are made there, is of no use after this loop time."""
    with _said(lambda: deadline_s):
        yield


@contextmanager
def answers_by_latest(deadlines_s: Collection[float]) -> Iterator[None]:
    """As `answers_by` for what several wait for, who come and go while it is done."""
    with _said(lambda: max(deadlines_s, default=-math.inf)):
        yield


def deadline_s() -> float:
    """As a loop time; infinite where nobody has said."""
    return _deadline.get()()


def time_left_s(*, unless_said: float = math.inf) -> float:
    """Never less than nothing."""
    until_s = deadline_s()
    if until_s == math.inf:
        return unless_said
    return max(0.0, until_s - asyncio.get_running_loop().time())


@contextmanager
def _said(deadline: Callable[[], float]) -> Iterator[None]:
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)
