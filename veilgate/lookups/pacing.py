"""Who may send to an account, and when: so many at once, so many a second, first come first served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from veilgate.domain.provider_errors import ProviderThrottled

# Timers ring late: so much of it is caught up with, or 1000 a second would be 500. More would be a burst.
_LATENESS_S = 0.02


class Lane:
    """`per_second` is never exceeded, not even after a time in which nobody came."""

    def __init__(self, *, concurrency: int, per_second: float) -> None:
        self._places = asyncio.Semaphore(concurrency)
        self._first_in_line = asyncio.Lock()
        self._interval_s = 1 / per_second
        self._next_s = 0.0

    def hold_for(self, pause_s: float) -> None:
        """Nobody is let through before the pause is over, whoever waits already."""
        self._next_s = max(self._next_s, self._now_s() + pause_s)

    @asynccontextmanager
    async def turn(self, *, patience_s: float) -> AsyncIterator[None]:
        """A place, from one's turn on and as long as the block lasts. Raises `ProviderThrottled` when it is
        known that the turn comes later than `patience_s` from now; may be cancelled."""
        give_up_s = self._now_s() + patience_s
        async with self._places:
            # Only who has a place draws a moment to send at, and uses it at once.
            async with self._first_in_line:
                await self._wait_for_moment(give_up_s)
            yield

    async def _wait_for_moment(self, give_up_s: float) -> None:
        lateness_s = 0.0
        while (wait_s := self._next_s - self._now_s()) > 0:
            if self._next_s > give_up_s:
                raise ProviderThrottled("It must not be asked yet.", retry_after_s=int(wait_s) + 1)
            await asyncio.sleep(wait_s)
            lateness_s = _LATENESS_S
        self._next_s = max(self._next_s, self._now_s() - lateness_s) + self._interval_s

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
