"""Threads for searches: so few that others always have some left."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from veilgate.domain.errors import SearchUnavailable

# How long a search waits for a thread. As the search server is given up after such a time too, nobody hears
# of it later than after twice that.
PATIENCE_S = 2.0

T = TypeVar("T")


class SearchPlaces:
    """Used on the event loop. A search server that does not answer, or a search that takes long, holds these
    threads and no others."""

    def __init__(self, count: int, *, name: str) -> None:
        self._free = asyncio.Semaphore(count)
        self._threads = ThreadPoolExecutor(count, name)

    async def run(self, work: Callable[[], T]) -> T:
        """Raises `SearchUnavailable` when no thread is free in time, and what `work` raises."""
        if self._free.locked():
            await self._wait()
        else:
            await self._free.acquire()
        try:
            context = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, partial(context.run, work))
        finally:
            self._free.release()

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._free.acquire(), PATIENCE_S)
        except TimeoutError:
            raise SearchUnavailable("Too many searches are under way.") from None
