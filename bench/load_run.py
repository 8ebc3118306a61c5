"""Runs a scenario: arrivals that wait for nobody; and the closed loop that finds out what a house can do."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.load_calls import Calls
from bench.load_journeys import Journeys
from bench.load_measures import Measures
from bench.load_scenarios import Plan, Scenario

_PICTURES_TO_ASK_ABOUT = 4
_INDEX_TIMEOUT_S = 60
# As k6 is told to: enough samples that one slow start is not taken for a failed run.
_ABORT_FROM_S = 15.0
_LOOK_EVERY_S = 1.0
# More than any worker has in hand, so that none ever waits for callers.
_IN_FLIGHT = 24
# What is loaded at first sight may take a busy house that long; the rest of the beginning, so long.
_FIRST_WITHIN_S, _WARM_UP_S = 20.0, 2.0


Start = Callable[[float], Coroutine[Any, Any, None]]


class CannotBegin(Exception):
    """The house does not do even what a load begins with."""


@dataclass(frozen=True, slots=True)
class Run:
    measures: Measures
    is_aborted: bool


async def run_scenario(scenario: Scenario, calls: Calls, plan: Plan) -> Run:
    """Ends when everything that was sent has ended, or as soon as a threshold is missed."""
    image_ids = await _open(calls, plan) if scenario.questions_per_picture else []
    journeys = Journeys(calls, plan, Measures(), time.monotonic())
    load = asyncio.create_task(_load(scenario, journeys, image_ids))
    missed = asyncio.create_task(_first_missed(scenario, journeys.measures))
    try:
        await asyncio.wait({load, missed}, return_when=asyncio.FIRST_COMPLETED)
        if not missed.done():
            await load
        return Run(journeys.measures, missed.done())
    finally:
        for task in (load, missed):
            task.cancel()
        await asyncio.gather(load, missed, return_exceptions=True)


async def measure_capacity(calls: Calls, plan: Plan, *, seconds: float) -> float:
    """Images that complete in a second, with so many always under way, once the house has begun. Raises when
    none does."""
    began_s = time.monotonic()
    journeys = Journeys(calls, plan, Measures(), began_s)
    completed_s = journeys.measures.values["completed_after_s"]

    def counts_from_s() -> float:
        return (completed_s[0] if completed_s else _FIRST_WITHIN_S) + _WARM_UP_S

    async def send_again_and_again() -> None:
        while (now_s := time.monotonic()) < began_s + counts_from_s() + seconds:
            await journeys.picture(now_s)

    await asyncio.gather(*(send_again_and_again() for _ in range(_IN_FLIGHT)))
    counted = sum(0 < after_s - counts_from_s() <= seconds for after_s in completed_s)
    if not counted:
        raise CannotBegin(f"no picture in {seconds:g} s: {dict(journeys.measures.failures)}")
    return counted / seconds


async def _load(scenario: Scenario, journeys: Journeys, image_ids: Sequence[str]) -> None:
    def ask(due_s: float) -> Coroutine[Any, Any, None]:
        return journeys.question(due_s, image_ids)

    questions = scenario.arrivals(scenario.questions_per_picture) if image_ids else iter(())
    async with asyncio.TaskGroup() as under_way:
        for times, start in ((scenario.arrivals(), journeys.picture), (questions, ask)):
            under_way.create_task(_arrive(times, start, under_way, began_s=journeys.began_s))


async def _arrive(times: Iterator[float], start: Start, group: asyncio.TaskGroup, *, began_s: float) -> None:
    for after_s in times:
        due_s = began_s + after_s
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        group.create_task(start(due_s))


async def _first_missed(scenario: Scenario, measures: Measures) -> None:
    await asyncio.sleep(_ABORT_FROM_S)
    while all(verdict.is_met for verdict in measures.judge(scenario.thresholds)):
        await asyncio.sleep(_LOOK_EVERY_S)


async def _open(calls: Calls, plan: Plan) -> list[str]:
    """A few images to ask questions about, once the index answers."""
    journeys = Journeys(calls, plan, Measures(), time.monotonic())
    image_ids = [await journeys.completed(time.monotonic()) for _ in range(_PICTURES_TO_ASK_ABOUT)]
    deadline_s = time.monotonic() + _INDEX_TIMEOUT_S
    while (answer := await calls.ask("similar", image_ids[0])).status_code != 200:
        if time.monotonic() > deadline_s:
            raise CannotBegin(f"no likeness is answered: {answer.status_code} {answer.text[:300]}")
        await asyncio.sleep(1)
    return image_ids
