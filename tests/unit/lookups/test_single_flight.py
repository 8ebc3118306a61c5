"""What many want at once is done once."""

import asyncio
from contextlib import suppress

import pytest

from tests.unit.lookups.leaping_loop import run_leaping
from veilgate.lookups.deadlines import answers_by, time_left_s
from veilgate.lookups.single_flight import SingleFlight


class Work:
    """Takes a second and counts how often it was begun, ended and cancelled."""

    def __init__(self) -> None:
        self.begun = self.ended = self.cancelled = 0

    async def __call__(self) -> str:
        self.begun += 1
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            self.cancelled += 1
            await asyncio.sleep(1)  # giving back what was taken
            raise
        self.ended += 1
        return "done"


async def cancel(task: "asyncio.Task[tuple[str, bool]]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_many_share_one_and_one_of_them_is_the_first() -> None:
    async def share() -> tuple[list[tuple[str, bool]], int]:
        work, flights = Work(), SingleFlight[str]()
        told = await asyncio.gather(*(flights.join("a", work) for _ in range(5)))
        await flights.join("a", work)
        return told, work.begun

    told, begun = run_leaping(share())
    assert {text for text, _ in told} == {"done"}
    assert [is_first for _, is_first in told].count(True) == 1
    assert begun == 2, "what is over is not under way"


def test_different_questions_are_different_work() -> None:
    async def share() -> int:
        work, flights = Work(), SingleFlight[str]()
        await asyncio.gather(flights.join("a", work), flights.join("b", work))
        return work.begun

    assert run_leaping(share()) == 2


def test_who_leaves_cancels_nothing_that_another_waits_for() -> None:
    async def leave() -> tuple[tuple[str, bool], Work]:
        work, flights = Work(), SingleFlight[str]()
        first, second = (asyncio.create_task(flights.join("a", work)) for _ in range(2))
        await asyncio.sleep(0.5)
        await cancel(first)
        return await second, work

    told, work = run_leaping(leave())
    assert told == ("done", True), "somebody has to hear what it has cost"
    assert (work.begun, work.cancelled) == (1, 0)


def test_ends_when_nobody_waits_and_nobody_joins_what_is_ending() -> None:
    async def leave() -> tuple[tuple[str, bool], Work]:
        work, flights = Work(), SingleFlight[str]()
        first = asyncio.create_task(flights.join("a", work))
        await asyncio.sleep(0.5)
        await cancel(first)
        return await flights.join("a", work), work

    told, work = run_leaping(leave())
    assert told == ("done", True)
    assert (work.begun, work.cancelled, work.ended) == (2, 1, 1)


def test_the_latest_deadline_of_those_who_wait_counts() -> None:
    lefts: list[float] = []

    async def work() -> str:
        for _ in range(3):
            await asyncio.sleep(1)
            lefts.append(time_left_s(unless_said=-1))
        return "done"

    async def need(flights: SingleFlight[str], within_s: float) -> None:
        with answers_by(within_s):
            await flights.join("a", work)

    async def share() -> None:
        flights = SingleFlight[str]()
        first, second = (asyncio.create_task(need(flights, within_s)) for within_s in (5, 30))
        await asyncio.sleep(1.5)
        second.cancel()
        await asyncio.sleep(1)
        await asyncio.gather(first, second, flights.join("a", work), return_exceptions=True)

    run_leaping(share())
    # Two of them, then the first alone, then one more who has all the time in the world.
    assert lefts == [29, 3, -1]


def test_all_hear_how_it_failed() -> None:
    async def fail() -> str:
        await asyncio.sleep(1)
        raise ValueError("no")

    async def share() -> list[tuple[str, bool] | BaseException]:
        flights = SingleFlight[str]()
        return await asyncio.gather(*(flights.join("a", fail) for _ in range(3)), return_exceptions=True)

    assert [type(told) for told in run_leaping(share())] == [ValueError] * 3


def test_closing_ends_what_is_under_way() -> None:
    async def close() -> int:
        work, flights = Work(), SingleFlight[str]()
        waiting = asyncio.create_task(flights.join("a", work))
        await asyncio.sleep(0.5)
        await flights.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return work.cancelled

    assert run_leaping(close()) == 1
