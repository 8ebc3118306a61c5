"""Jobs that somebody watches: read together, however many watch how many.

Each stream read the database by itself before, every 2 s and at each wake-up: 500 of them were 250 reads a
second while nothing happened.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from veilgate.api.wake_hub import WakeHub
from veilgate.domain.errors import Unavailable
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.records import EventRecord
from veilgate.services.jobs.job_events import EventPage, JobEvents
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
# A wake-up that is lost with Redis delays news by this much and the time of a look.
_LOOK_AGAIN_S = 1.5


class WatchedJob:
    """What is known of a job. `seq` is its newest event, None before the first look; `recent` are those that
    the last look brought."""

    def __init__(self) -> None:
        self.seq: int | None = None
        self.recent: Sequence[EventRecord] = ()
        self.watchers: set[asyncio.Event] = set()
        self._status: JobStatus | None = None
        self._is_gone = False

    @property
    def has_ended(self) -> bool:
        """Ended, or erased."""
        return self._is_gone or (self._status is not None and self._status.is_terminal)

    def is_over_after(self, seq: int) -> bool:
        """Whether nothing will follow this event."""
        return self._is_gone or (self.has_ended and self.seq == seq)

    def events_after(self, seq: int) -> Sequence[EventRecord] | None:
        """All that there are, or None where a page has to be read."""
        if self.seq is None or seq >= self.seq:
            return ()
        if not self.recent or self.recent[0].seq > seq + 1:
            return None
        return [event for event in self.recent if event.seq > seq]

    def learn(self, page: EventPage | None) -> bool:
        """Take in what a look found; None where the job is gone. Whether anything is new."""
        if page is None:
            self._is_gone = True
            return True
        standing = page.standing
        if (self.seq, self._status) == (standing.event_seq, standing.status):
            return False
        self.seq, self._status, self.recent = standing.event_seq, standing.status, page.events
        return True


class Watcher:
    """One of those who watch a job. Who looks forgets the news first, and so misses nothing meanwhile."""

    def __init__(self, job: WatchedJob) -> None:
        self.job = job
        self._news = asyncio.Event()
        job.watchers.add(self._news)

    def forget_news(self) -> None:
        self._news.clear()

    async def wait(self, timeout_s: float) -> None:
        """Until there is news, or the time is up."""
        await _until(self._news, timeout_s)

    def leave(self) -> None:
        self.job.watchers.discard(self._news)


class EventWatch:
    """Made by the root, used on the event loop alone. It looks as long as anybody watches: at what the hub
    hears of at once, and at everything every 1.5 s. While the database is away nothing is new."""

    def __init__(self, hub: WakeHub, events: JobEvents) -> None:
        self._hub = hub
        self._events = events
        self._jobs: dict[str, WatchedJob] = {}
        self._heard_of: set[str] = set()
        self._heard = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        # Of its own: behind forty uploads that wait for the disk every event would come late.
        self._reader = ThreadPoolExecutor(1, "event-watch")
        hub.listen(self._hear)

    @contextmanager
    def watching(self, job_id: str) -> Iterator[Watcher]:
        """The caller has seen to it that the job may be watched by whoever asks."""
        job = self._jobs.setdefault(job_id, WatchedJob())
        watcher = Watcher(job)
        if job.seq is None:
            self._hear([job_id])
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_on())
        try:
            yield watcher
        finally:
            watcher.leave()
            if not job.watchers:
                del self._jobs[job_id]

    def close(self) -> None:
        self._reader.shutdown()

    def _hear(self, job_ids: Sequence[str]) -> None:
        self._heard_of.update(job_id for job_id in job_ids if job_id in self._jobs)
        if self._heard_of or self._hub.is_closed:
            self._heard.set()
        if self._hub.is_closed:
            _wake(self._jobs)

    async def _look_on(self) -> None:
        """Until nobody watches any more."""
        loop = asyncio.get_running_loop()
        look_again_at_s = loop.time() + _LOOK_AGAIN_S
        try:
            while self._jobs and not self._hub.is_closed:
                await _until(self._heard, look_again_at_s - loop.time())
                self._heard.clear()
                wanted, self._heard_of = self._heard_of, set()
                if loop.time() >= look_again_at_s:
                    wanted, look_again_at_s = set(self._jobs), loop.time() + _LOOK_AGAIN_S
                await self._look(wanted)
        finally:
            self._looking = None

    async def _look(self, job_ids: set[str]) -> None:
        looked_at = {job_id: job for job_id in job_ids if (job := self._jobs.get(job_id))}
        if not looked_at:
            return
        known = {job_id: job.seq for job_id, job in looked_at.items()}
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._reader, self._events.news, known)
        except Unavailable:
            return
        except Exception:  # noqa: BLE001 - else everybody would watch in vain from now on
            _log.exception("event_watch.failed")
            return
        _wake({job_id: job for job_id, job in looked_at.items() if job.learn(found.get(job_id))})


def _wake(jobs: Mapping[str, WatchedJob]) -> None:
    for job in jobs.values():
        for news in job.watchers:
            news.set()


async def _until(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
