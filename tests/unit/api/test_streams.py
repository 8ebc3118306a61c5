"""What streams say while there is nothing to say, and while the database is away."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest

from veilgate.api import event_watch, job_stream
from veilgate.api.classify_stream import Classification
from veilgate.api.event_watch import EventWatch
from veilgate.api.job_stream import follow, sse
from veilgate.api.wake_hub import WakeHub
from veilgate.domain.errors import DatabaseUnavailable
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.records import EventRecord, JobStanding
from veilgate.services.jobs.job_events import EventPage

VEIL, LOOKUP, IMAGE = "veil", "lookup", "image"
GUEST: Any = SimpleNamespace(caller=SimpleNamespace(owner_id="owner"))
STATUS = {"image_id": IMAGE, "results": {"processed_url": "p", "thumbnail_urls": {}}}
SOON_S = 5.0


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifteen seconds are a moment here."""
    assert job_stream.HEARTBEAT_S == 15
    monkeypatch.setattr(job_stream, "HEARTBEAT_S", 0.03)
    monkeypatch.setattr(job_stream, "_ASK_AGAIN_S", 0.01)
    monkeypatch.setattr(event_watch, "_LOOK_AGAIN_S", 0.01)


def page(job_id: str, *outcomes: str) -> EventPage:
    """A job that these outcomes are all of."""
    events = [
        EventRecord(seq, 1, "job", outcome, "{}", None, None, 0) for seq, outcome in enumerate(outcomes, 1)
    ]
    return EventPage(JobStanding(job_id, IMAGE, JobStatus(outcomes[-1]), len(events)), 0, events)


class House:
    """Answers what streams ask, in memory; the database is away when told, and counts who asked in vain."""

    def __init__(self) -> None:
        self.pages = {VEIL: page(VEIL, "submitted"), LOOKUP: page(LOOKUP, "submitted", "completed")}
        self.is_away = self.is_locked = False
        self.in_vain = 0
        self.hub = WakeHub()
        self.watch = EventWatch(self.hub, self)  # type: ignore[arg-type]
        self.events = self.queries = self.door = self.callers = self

    async def is_still_good(self, _guest: Any) -> bool:
        return not self.is_locked

    def news(self, known: Any) -> dict[str, EventPage]:
        return {job_id: self.pages[job_id] for job_id in known}

    def page(self, job_id: str, _owner_id: str, _after: int) -> EventPage:
        return self.pages[job_id]

    def status(self, *_: str) -> Any:
        return SimpleNamespace(document=json.dumps(STATUS))

    def lookup_of(self, _image_id: str) -> str:
        if self.is_away:
            self.in_vain += 1
            raise DatabaseUnavailable
        return LOOKUP

    def classify(self) -> AsyncGenerator[bytes]:
        job: Any = SimpleNamespace(job_id=VEIL, deduplicated=False)
        return Classification(self, GUEST, job, self.pages[VEIL]).lines()  # type: ignore[arg-type]


def in_house(scene: Callable[[House], Awaitable[Any]]) -> Any:
    async def play() -> Any:
        house = House()
        house.hub.attach()
        try:
            return await asyncio.wait_for(scene(house), SOON_S)
        finally:
            house.watch.close()

    return asyncio.run(play())


async def types(lines: AsyncGenerator[bytes]) -> list[str]:
    return [json.loads(one)["data_type"] async for one in lines]


def test_an_event_stream_says_that_it_is_still_there() -> None:
    async def scene(house: House) -> None:
        async with aclosing(sse(follow(house, house.pages[VEIL], GUEST), VEIL)) as stream:  # type: ignore[arg-type]
            assert (await anext(stream)).startswith(b"id: 1\n")
            assert [await anext(stream) for _ in range(2)] == [b": still here\n\n"] * 2

    in_house(scene)


def test_lines_say_that_they_wait_and_for_whom() -> None:
    async def scene(house: House) -> None:
        async with aclosing(house.classify()) as lines:
            assert json.loads(await anext(lines))["data_type"] == "accepted"
            for _ in range(2):
                waiting = json.loads(await anext(lines))
                assert (waiting["data_type"], waiting["data"]) == ("waiting", {"job_id": VEIL})

    in_house(scene)


def test_a_database_that_is_away_between_veil_and_lookup_is_waited_for() -> None:
    async def scene(house: House) -> None:
        house.pages[VEIL], house.is_away = page(VEIL, "submitted", "completed"), True
        async with aclosing(house.classify()) as lines:
            assert [json.loads(await anext(lines))["data_type"] for _ in range(2)] == ["accepted", "waiting"]
            assert house.in_vain
            house.is_away = False
            assert [one for one in await types(lines) if one != "waiting"] == ["veiled", "done"]

    in_house(scene)


@pytest.mark.parametrize("ends", ["gateway", "key"])
def test_who_waits_for_the_database_is_sent_home_without_a_last_word(ends: str) -> None:
    async def scene(house: House) -> None:
        house.pages[VEIL], house.is_away = page(VEIL, "submitted", "completed"), True
        async with aclosing(house.classify()) as lines:
            assert [json.loads(await anext(lines))["data_type"] for _ in range(2)] == ["accepted", "waiting"]
            house.is_locked = ends == "key"
            if ends == "gateway":
                house.hub.close()
            assert set(await types(lines)) <= {"waiting"}

    in_house(scene)
