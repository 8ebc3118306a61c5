"""Those who wait for a job, and those who say that it has news."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class WakeHub:
    """Lives on the event loop; `notify` may be called from any thread. A wake-up says only "look again"."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self) -> None:
        """Serve the running loop."""
        self._loop = asyncio.get_running_loop()

    def notify(self, job_ids: Sequence[str]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, job_ids)

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
