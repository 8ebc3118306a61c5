"""From those who hear that a job has news, on whatever thread, to those who watch jobs, on the event loop."""

import asyncio
from collections.abc import Callable, Sequence

Heard = Callable[[Sequence[str]], None]


class WakeHub:
    """Lives on the event loop; `notify` and `close` may be called from any thread.

    A wake-up says only "look again"; once `is_closed`, that nobody should go on waiting.
    """

    def __init__(self) -> None:
        self.is_closed = False
        self._listeners: list[Heard] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self) -> None:
        """Serve the running loop."""
        self._loop = asyncio.get_running_loop()

    def listen(self, heard: Heard) -> None:
        """`heard` is called on the loop with the ids of jobs that have news; with none when all is over."""
        self._listeners.append(heard)

    def notify(self, job_ids: Sequence[str]) -> None:
        self._on_loop(lambda: self._tell(job_ids))

    def close(self) -> None:
        """Send everybody home: the process is about to end."""
        self._on_loop(self._end)

    def _on_loop(self, call: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    def _end(self) -> None:
        self.is_closed = True
        self._tell(())

    def _tell(self, job_ids: Sequence[str]) -> None:
        for heard in self._listeners:
            heard(job_ids)
