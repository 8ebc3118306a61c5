"""A lane: so many at once, so many a second, in the order of asking."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.unit.lookups.leaping_loop import run_leaping
from veilgate.domain.provider_errors import ProviderBusy, ProviderThrottled
from veilgate.lookups.pacing import Lane

PATIENT_S = 1000.0


def now_s() -> float:
    return round(asyncio.get_running_loop().time(), 3)


@asynccontextmanager
async def turn(lane: Lane, *, patience_s: float = PATIENT_S, usual_s: float = 0.0) -> AsyncIterator[None]:
    async with lane.place(patience_s=patience_s, usual_s=usual_s):
        await lane.moment(patience_s=patience_s)
        yield


async def pass_through(lane: Lane, passed: list[float], *, stay_s: float = 0.0) -> None:
    async with turn(lane):
        passed.append(now_s())
        await asyncio.sleep(stay_s)


def test_sends_so_many_a_second_even_after_a_quiet_time() -> None:
    async def work() -> list[float]:
        lane, passed = Lane(concurrency=100, per_second=4), list[float]()
        await asyncio.sleep(60)
        await asyncio.gather(*(pass_through(lane, passed) for _ in range(5)))
        return passed

    assert run_leaping(work()) == [60, 60.25, 60.5, 60.75, 61]


def test_takes_so_many_at_once() -> None:
    async def work() -> list[float]:
        lane, passed = Lane(concurrency=2, per_second=1000), list[float]()
        await asyncio.gather(*(pass_through(lane, passed, stay_s=10) for _ in range(4)))
        return passed

    assert run_leaping(work()) == [0, 0.001, 10, 10.001]


def test_a_place_is_drawn_before_the_moment_to_send_at() -> None:
    async def work() -> list[float]:
        lane, passed = Lane(concurrency=1, per_second=1), list[float]()
        await asyncio.gather(*(pass_through(lane, passed, stay_s=5) for _ in range(3)))
        await asyncio.gather(*(pass_through(lane, passed) for _ in range(2)))
        return passed

    # Never two of them within a second, though the places were free for long.
    assert run_leaping(work()) == [0, 5, 10, 15, 16]


def test_first_come_first_served() -> None:
    order: list[int] = []

    async def ask(lane: Lane, number: int) -> None:
        async with turn(lane):
            order.append(number)

    async def work() -> None:
        lane = Lane(concurrency=3, per_second=2)
        await asyncio.gather(*(ask(lane, number) for number in range(20)))

    run_leaping(work())
    assert order == list(range(20))


def test_nobody_passes_while_it_is_held_not_even_who_waits_already() -> None:
    async def work() -> list[float]:
        lane, passed = Lane(concurrency=10, per_second=1), list[float]()
        waiting = [asyncio.create_task(pass_through(lane, passed)) for _ in range(3)]
        await asyncio.sleep(0.5)
        lane.hold_for(30)
        await asyncio.gather(*waiting)
        return passed

    assert run_leaping(work()) == [0, 30.5, 31.5]


def test_who_cannot_wait_so_long_hears_it_at_once() -> None:
    async def work() -> tuple[int | None, float]:
        lane = Lane(concurrency=1, per_second=1)
        lane.hold_for(30)
        with pytest.raises(ProviderThrottled) as refused:
            async with turn(lane, patience_s=29):
                pytest.fail("it was held")
        return refused.value.retry_after_s, now_s()

    assert run_leaping(work()) == (31, 0)


async def refused_at_s(lane: Lane, *, patience_s: float, usual_s: float) -> tuple[float, int | None]:
    with pytest.raises(ProviderBusy) as refused:
        async with turn(lane, patience_s=patience_s, usual_s=usual_s):
            pytest.fail("others were before")
    return now_s(), refused.value.retry_after_s


@pytest.mark.parametrize(
    ("per_second", "usual_s", "retry_after_s"), [(1000, 4.0, 9), (0.5, 0.0, 12)], ids=["slow", "paced"]
)
def test_who_would_be_too_late_behind_those_in_line_hears_it_at_once(
    per_second: float, usual_s: float, retry_after_s: int
) -> None:
    async def work() -> tuple[float, int | None]:
        lane = Lane(concurrency=2, per_second=per_second)
        waiting = [asyncio.create_task(pass_through(lane, [], stay_s=4)) for _ in range(6)]
        await asyncio.sleep(1)
        refused = await refused_at_s(lane, patience_s=7, usual_s=usual_s)
        await asyncio.gather(*waiting)
        return refused

    assert run_leaping(work()) == (1, retry_after_s)


def test_who_waited_for_a_place_as_long_as_it_could_hears_that_it_is_busy() -> None:
    async def work() -> tuple[float, int | None]:
        lane = Lane(concurrency=1, per_second=1000)
        staying = asyncio.create_task(pass_through(lane, [], stay_s=60))
        await asyncio.sleep(1)
        refused = await refused_at_s(lane, patience_s=5, usual_s=0.0)
        await staying
        return refused

    assert run_leaping(work()) == (6, 1)


def test_who_goes_away_takes_no_turn() -> None:
    async def work() -> list[float]:
        lane, passed = Lane(concurrency=1, per_second=1), list[float]()
        tasks = [asyncio.create_task(pass_through(lane, passed)) for _ in range(4)]
        await asyncio.sleep(0.5)
        for leaver in tasks[1:3]:
            leaver.cancel()
            with suppress(asyncio.CancelledError):
                await leaver
        await tasks[3]
        return passed

    assert run_leaping(work()) == [0, 1]
