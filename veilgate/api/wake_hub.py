"""Those who wait for a job, and those who say that it has news."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


class WakeHub:
    """Lives on the event loop; `notify` and `close` may be called from any thread.

    A wake-up says only "look again"; once `is_closed`, that nobody should go on waiting.
    """

    def __init__(self) -> None:
        self.is_closed = False
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self) -> None:
        """Serve the running loop."""
        self._loop = asyncio.get_running_loop()

    def notify(self, job_ids: Sequence[str]) -> None:
        self._on_loop(lambda: self._wake(job_ids))

    def close(self) -> None:
        """Send everybody home: the process is about to end."""
        self._on_loop(self._wake_all)

    @contextmanager
    def watch(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the job has news."""
        event = asyncio.Event()
        self._waiting.setdefault(job_id, set()).add(event)
        try:
            yield event
        finally:
            watchers = self._waiting[job_id]
            watchers.discard(event)
            if not watchers:
                del self._waiting[job_id]

    def _on_loop(self, call: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    def _wake_all(self) -> None:
        self.is_closed = True
        self._wake(list(self._waiting))

    def _wake(self, job_ids: Sequence[str]) -> None:
        for job_id in job_ids:
            for event in self._waiting.get(job_id, ()):
                event.set()


async def wait_for_news(event: asyncio.Event, timeout_s: float) -> None:
    """Until the event is set or the time is up, whichever comes first."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
