"""What many want at once is done once, and ends when nobody wants it any more."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from veilgate.lookups.deadlines import answers_by_latest, deadline_s

T = TypeVar("T")
_LAST_WORDS_S = 1.0


class _Flight(Generic[T]):
    """`waiting`: by when each needs it who waits for it."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self.waiting: list[float] = []
        self.is_taken = False
        with answers_by_latest(self.waiting):
            self.task = asyncio.create_task(work())


class SingleFlight(Generic[T]):
    """On one event loop. Who is cancelled cancels nothing that another waits for, and the latest deadline of
    those who wait is that of the work."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, _Flight[T]] = {}

    async def join(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, bool]:
        """What the work for this key gives, and whether this caller is the first to hear it. Begins the work
        unless it is under way; raises what it raises."""
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._under_way[key] = _Flight(work)
            flight.task.add_done_callback(lambda _task: self._forget(key, flight))
        needed_by_s = deadline_s()
        flight.waiting.append(needed_by_s)
        try:
            result = await asyncio.shield(flight.task)
        finally:
            flight.waiting.remove(needed_by_s)
            if not flight.waiting and not flight.task.done():
                self._forget(key, flight)  # at once: nobody may join what is being cancelled
                flight.task.cancel()
                # Until what it came to is known, for the bill of who is cut off.
                await asyncio.wait([flight.task], timeout=_LAST_WORDS_S)
        is_first, flight.is_taken = not flight.is_taken, True
        return result, is_first

    async def close(self) -> None:
        """Ends what is under way."""
        tasks = [flight.task for flight in self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: Hashable, flight: _Flight[T]) -> None:
        if self._under_way.get(key) is flight:
            del self._under_way[key]
