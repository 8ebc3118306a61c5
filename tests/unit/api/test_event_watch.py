"""Watching jobs together: what is looked at, when, and who is told."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from veilgate.api import event_watch
from veilgate.api.event_watch import EventWatch, Watcher
from veilgate.api.wake_hub import WakeHub
from veilgate.domain.errors import DatabaseUnavailable
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.records import EventRecord, JobStanding
from veilgate.services.jobs.job_events import EventPage

JOB, OTHER = "job", "other"
SOON_S = 5.0


class Shelf:
    """Events of jobs, in memory; it counts how often it is asked, and is away when told."""

    def __init__(self) -> None:
        self.written = {JOB: 1, OTHER: 1}
        self.status = JobStatus.PROCESSING
        self.looks: list[set[str]] = []
        self.is_away = False

    def news(self, known: Mapping[str, int | None]) -> dict[str, EventPage]:
        self.looks.append(set(known))
        if self.is_away:
            raise DatabaseUnavailable
        return {job_id: self._page(job_id, known[job_id]) for job_id in known if job_id in self.written}

    def _page(self, job_id: str, known: int | None) -> EventPage:
        newest = self.written[job_id]
        after = newest if known is None else known
        events = [
            EventRecord(seq, 1, "a", "produced", "{}", 1, None, 0) for seq in range(after + 1, newest + 1)
        ]
        return EventPage(JobStanding(job_id, "image", self.status, newest), after, events)


def in_watch(scene: Callable[[EventWatch, WakeHub, Shelf], Awaitable[Any]]) -> Any:
    """Plays a scene on a loop of its own."""

    async def play() -> Any:
        hub, shelf = WakeHub(), Shelf()
        hub.attach()
        watch = EventWatch(hub, shelf)  # type: ignore[arg-type]
        try:
            return await asyncio.wait_for(scene(watch, hub, shelf), SOON_S)
        finally:
            watch.close()

    return asyncio.run(play())


async def until(watcher: Watcher, condition: Callable[[], bool]) -> None:
    while not condition():
        watcher.forget_news()
        await watcher.wait(SOON_S)


async def has_seen(watcher: Watcher, seq: int) -> None:
    await until(watcher, lambda: watcher.job.seq == seq)


def test_what_is_heard_of_is_looked_at_once_for_all_who_watch_it() -> None:
    async def scene(watch: EventWatch, hub: WakeHub, shelf: Shelf) -> None:
        with watch.watching(JOB) as one, watch.watching(JOB) as two, watch.watching(OTHER) as other:
            for watcher in (one, two, other):
                await has_seen(watcher, 1)
            shelf.looks.clear()
            shelf.written[JOB] = 3
            hub.notify([JOB, "watched by nobody"])
            await has_seen(one, 3)
            await until(two, lambda: [event.seq for event in two.job.events_after(1) or ()] == [2, 3])
            assert [event.seq for event in one.job.events_after(2) or ()] == [3]
            assert other.job.events_after(1) == ()
        assert shelf.looks == [{JOB}]

    in_watch(scene)


def test_who_is_far_behind_has_to_read_pages() -> None:
    async def scene(watch: EventWatch, hub: WakeHub, shelf: Shelf) -> None:
        shelf.written[JOB] = 40
        with watch.watching(JOB) as watcher:
            await has_seen(watcher, 40)
            assert watcher.job.events_after(0) is None
            shelf.written[JOB] = 42
            hub.notify([JOB])
            await has_seen(watcher, 42)
            assert watcher.job.events_after(39) is None
            assert len(watcher.job.events_after(40) or ()) == 2

    in_watch(scene)


def test_news_that_nobody_announces_are_seen_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_watch, "_LOOK_AGAIN_S", 0.05)

    async def scene(watch: EventWatch, _hub: WakeHub, shelf: Shelf) -> None:
        with watch.watching(JOB) as watcher:
            await has_seen(watcher, 1)
            shelf.written[JOB] = 2
            await has_seen(watcher, 2)

    in_watch(scene)


def test_a_database_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_watch, "_LOOK_AGAIN_S", 0.05)

    async def scene(watch: EventWatch, _hub: WakeHub, shelf: Shelf) -> None:
        shelf.is_away = True
        with watch.watching(JOB) as watcher:
            while len(shelf.looks) < 3:
                await asyncio.sleep(0.01)
            assert watcher.job.seq is None
            shelf.is_away = False
            await has_seen(watcher, 1)

    in_watch(scene)


def test_a_job_is_over_after_its_last_event_or_when_it_is_gone() -> None:
    async def scene(watch: EventWatch, hub: WakeHub, shelf: Shelf) -> None:
        with watch.watching(JOB) as watcher, watch.watching(OTHER) as erased:
            await has_seen(watcher, 1)
            await has_seen(erased, 1)
            assert not watcher.job.is_over_after(1)
            shelf.written[JOB], shelf.status = 2, JobStatus.COMPLETED
            del shelf.written[OTHER]
            hub.notify([JOB, OTHER])
            await until(watcher, lambda: watcher.job.has_ended)
            await until(erased, lambda: erased.job.has_ended)
            assert not watcher.job.is_over_after(1)
            assert watcher.job.is_over_after(2)
            assert erased.job.is_over_after(0)

    in_watch(scene)


def test_closing_wakes_everybody_and_ends_the_looking() -> None:
    async def scene(watch: EventWatch, hub: WakeHub, shelf: Shelf) -> None:
        with watch.watching(JOB) as one, watch.watching(OTHER) as two:
            await has_seen(one, 1)
            await has_seen(two, 1)
            hub.close()
            await until(one, lambda: hub.is_closed)
            await until(two, lambda: hub.is_closed)
        while any("_look_on" in repr(task) for task in asyncio.all_tasks()):
            await asyncio.sleep(0)

    in_watch(scene)


def test_nobody_is_remembered_after_watching() -> None:
    async def scene(watch: EventWatch, _hub: WakeHub, shelf: Shelf) -> None:
        with watch.watching(JOB) as watcher, watch.watching(JOB):
            await has_seen(watcher, 1)
        with watch.watching(JOB) as again:
            assert again.job.seq is None
            await has_seen(again, 1)
        assert watch._jobs == {}

    in_watch(scene)
