"""By when an answer is of use: said once by whoever looks something up, for all that is asked meanwhile."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# On the clock of the event loop; None = nobody has said.
_deadline_s: ContextVar[float | None] = ContextVar("lookup_deadline_s", default=None)


@contextmanager
def answers_by(deadline_s: float) -> Iterator[None]:
    """What is asked in the block, and in tasks that are made there, is of no use after this loop time.
    Nothing is cut off: it is only not tried again when the pause before it would last longer."""
    token = _deadline_s.set(deadline_s)
    try:
        yield
    finally:
        _deadline_s.reset(token)


def time_left_s(*, unless_said: float) -> float:
    """Never less than nothing."""
    deadline_s = _deadline_s.get()
    if deadline_s is None:
        return unless_said
    return max(0.0, deadline_s - asyncio.get_running_loop().time())
