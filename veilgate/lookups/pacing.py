"""Who may send to an account, and when: so many at once, so many a second, first come first served."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from veilgate.domain.provider_errors import LookupFailed, ProviderBusy, ProviderThrottled

# Timers ring late: so much of it is caught up with, or 1000 a second would be 500. More would be a burst.
_LATENESS_S = 0.02


class Lane:
    """`per_second` is never exceeded, not even after a time in which nobody came.

    Who sends has a place first, then a moment. Both raise `ProviderBusy` once it is known that the line does
    not get there within `patience_s` from now, and `ProviderThrottled` where the provider wants it so; both
    may be cancelled.
    """

    def __init__(self, *, concurrency: int, per_second: float) -> None:
        self._concurrency = concurrency
        self._places = asyncio.Semaphore(concurrency)
        self._first_in_line = asyncio.Lock()
        self._interval_s = 1 / per_second
        self._next_s = 0.0
        self._held_until_s = 0.0
        self._in_line = 0

    def hold_for(self, pause_s: float) -> None:
        """Nobody is let through before the pause is over, whoever waits already."""
        self._held_until_s = max(self._held_until_s, self._now_s() + pause_s)

    @asynccontextmanager
    async def place(self, *, patience_s: float, usual_s: float) -> AsyncIterator[None]:
        """A place for as long as the block lasts. `usual_s`: how long others are likely to keep theirs."""
        give_up_s = self._now_s() + patience_s
        self._require_by(give_up_s, self._now_s() + self._estimate_s(usual_s))
        async with self._wait_in_line(give_up_s):
            await self._places.acquire()
        try:
            yield
        finally:
            self._places.release()

    async def moment(self, *, patience_s: float) -> None:
        """Only who has a place draws a moment to send at, and uses it at once."""
        give_up_s = self._now_s() + patience_s
        self._require_by(give_up_s, self._earliest_s())
        async with self._wait_in_line(give_up_s), self._first_in_line:
            await self._wait_for_moment(give_up_s)

    def _estimate_s(self, usual_s: float) -> float:
        """Until a place and a moment, for who comes now."""
        for_place_s = usual_s * self._in_line / self._concurrency if self._places.locked() else 0.0
        for_moment_s = self._earliest_s() - self._now_s() + self._in_line * self._interval_s
        return max(for_place_s, for_moment_s)

    async def _wait_for_moment(self, give_up_s: float) -> None:
        lateness_s = 0.0
        while (wait_s := self._earliest_s() - self._now_s()) > 0:
            self._require_by(give_up_s, self._earliest_s())
            await asyncio.sleep(wait_s)
            lateness_s = _LATENESS_S
        self._next_s = max(self._next_s, self._held_until_s, self._now_s() - lateness_s) + self._interval_s

    def _earliest_s(self) -> float:
        return max(self._next_s, self._held_until_s, self._now_s())

    def _require_by(self, give_up_s: float, likely_s: float) -> None:
        if likely_s > give_up_s:
            raise self._too_late(give_up_s, likely_s)

    def _too_late(self, give_up_s: float, likely_s: float) -> LookupFailed:
        if self._held_until_s > max(give_up_s, self._now_s()):
            wait_s = self._held_until_s - self._now_s()
            return ProviderThrottled("It must not be asked yet.", retry_after_s=int(wait_s) + 1)
        return ProviderBusy(retry_after_s=int(likely_s - self._now_s()) + 1)

    @asynccontextmanager
    async def _wait_in_line(self, give_up_s: float) -> AsyncIterator[None]:
        try:
            with self._counted():
                async with asyncio.timeout_at(give_up_s if give_up_s < math.inf else None):
                    yield
        except TimeoutError:
            raise self._too_late(give_up_s, self._earliest_s()) from None

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._in_line += 1
        try:
            yield
        finally:
            self._in_line -= 1

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
