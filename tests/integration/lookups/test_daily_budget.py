"""What may be spent in a day: over all workers, past an emptied Redis, and never while nobody can count."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import pytest
from aiohttp import web
from redis import Redis

from tests.fixtures.private_redis import RunningRedis, StartRedis
from tests.integration.lookups.scripted_provider import (
    ASKED,
    COUNTED,
    FREE,
    PAID,
    PRICE,
    ask,
    bad,
    careful_calls,
    good,
    micros,
    scripted,
)
from tests.integration.persistence.databases import Shelf
from veilgate.domain.errors import QueueUnavailable
from veilgate.domain.lookups import Bill
from veilgate.domain.provider_errors import BudgetSpent, QuestionRefused
from veilgate.lookups.budgets import DailyBudget, Reservation
from veilgate.lookups.calls import Calls
from veilgate.lookups.lookup_redis import open_lookup_redis
from veilgate.lookups.provider_policies import read_policies
from veilgate.lookups.questions import Told

KEY = "veilgate:spent-today"


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


async def outcome(calls: Calls, *question: Any) -> str:
    try:
        await ask(calls, *question)
    except BudgetSpent:
        return "spent"
    return "told"


def test_is_reached_exactly_by_two_workers_at_once(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with (
            scripted(good(after_s=0.01)) as provider,
            careful_calls(redis_server.url, usd=20 * PRICE) as one,
            careful_calls(redis_server.url, usd=20 * PRICE) as other,
        ):
            outcomes = await asyncio.gather(
                *(
                    outcome(calls, provider.question(text=f"{name}{number}"))
                    for number in range(25)
                    for name, calls in (("one", one), ("other", other))
                )
            )
            assert Counter(outcomes) == {"told": 20, "spent": 30}
            assert len(provider.received) == 20
            # What costs nothing is no matter of money.
            assert await outcome(one, provider.question(COUNTED)) == "told"

    run(work())


def test_calls_are_counted_for_all_who_share_an_account(redis_server: RunningRedis) -> None:
    async def work() -> None:
        limits = "serpapi.daily_calls=3"
        async with scripted(good()) as provider, careful_calls(redis_server.url, limits=limits) as calls:
            names = ["google_lens", "google_shopping", "google_lens", "google_shopping"]
            asking = [await outcome(calls, provider.question(name, str(n))) for n, name in enumerate(names)]
            assert asking == ["told", "told", "told", "spent"]
            assert await outcome(calls, provider.question(PAID)) == "told"

    run(work())


def test_what_is_refused_costs_a_call_and_no_money(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with scripted(bad(400)) as provider, careful_calls(redis_server.url) as calls:
            with pytest.raises(QuestionRefused):
                await ask(calls, provider.question())

    run(work())
    with Redis.from_url(redis_server.url) as redis:
        assert redis.hmget(KEY, "calls:google_vision", "micros") == [b"1", b"0"]


def test_says_when_the_next_day_begins(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with scripted(good()) as provider, careful_calls(redis_server.url, usd=0.001) as calls:
            with pytest.raises(BudgetSpent) as refused:
                await ask(calls, provider.question())
            assert 0 < (refused.value.retry_after_s or 0) <= 86_400
            assert provider.received == []

    run(work())


def test_without_a_limit_nothing_is_too_much(redis_server: RunningRedis) -> None:
    async def work() -> None:
        limits = f"{PAID}.usd_per_call=1000"
        async with (
            scripted(good()) as provider,
            careful_calls(redis_server.url, limits=limits, usd=0) as calls,
        ):
            assert await outcome(calls, provider.question()) == "told"

    run(work())


def test_an_emptied_redis_is_no_new_budget(redis_server: RunningRedis, sqlite_shelf: Shelf) -> None:
    database = sqlite_shelf.database

    def spent_on(day: str) -> dict[str, Bill]:
        with database.read() as transaction:
            return transaction.spending.of_day(day)

    async def work() -> None:
        async with (
            scripted(good()) as provider,
            careful_calls(redis_server.url, usd=3 * PRICE, spent_on=spent_on) as calls,
        ):
            for number in range(2):
                told = await ask(calls, provider.question(text=str(number)))
                with database.write() as transaction:
                    transaction.spending.add(ASKED.owner_id, {PAID: told.bill})
            with Redis.from_url(redis_server.url) as redis:
                redis.flushall()
            asking = [outcome(calls, provider.question(text=f"later {number}")) for number in range(4)]
            assert Counter(await asyncio.gather(*asking)) == {"told": 1, "spent": 3}

    run(work())


def test_a_new_day_begins_with_what_was_spent_on_it(redis_server: RunningRedis) -> None:
    days: list[str] = []

    def spent_on(day: str) -> dict[str, Bill]:
        days.append(day)
        return {"gone_by_now": Bill(1, 0, micros(PRICE))} if len(days) == 2 else {}

    async def work() -> None:
        async with (
            scripted(good()) as provider,
            careful_calls(redis_server.url, usd=2 * PRICE, spent_on=spent_on) as calls,
        ):
            assert [await outcome(calls, provider.question(text=str(n))) for n in range(3)][2] == "spent"
            with Redis.from_url(redis_server.url) as redis:
                today = int(redis.hget(KEY, "day") or 0)
                redis.hset(KEY, "day", today - 1)
            assert [await outcome(calls, provider.question(text=f"late {n}")) for n in range(2)] == [
                "told",
                "spent",
            ]

    run(work())
    assert days[0] == days[1]


def test_what_was_reserved_before_it_was_emptied_is_not_given_back_after(redis_server: RunningRedis) -> None:
    async def work() -> None:
        is_over = asyncio.Event()

        async def refuse_late(request: web.Request) -> web.StreamResponse:
            await is_over.wait()
            return await bad(400)(request)

        async with (
            scripted(refuse_late, good()) as provider,
            careful_calls(redis_server.url, usd=PRICE) as calls,
        ):
            refused = asyncio.create_task(ask(calls, provider.question()))
            while not provider.received:
                await asyncio.sleep(0.001)
            with Redis.from_url(redis_server.url) as redis:
                redis.delete(KEY)
            assert await outcome(calls, provider.question(text="else")) == "told"
            is_over.set()
            with pytest.raises(QuestionRefused):
                await refused
            assert await outcome(calls, provider.question(text="more")) == "spent"

    run(work())


def test_whoever_is_cancelled_while_it_is_counted_leaves_nothing_behind(redis_server: RunningRedis) -> None:
    policies = read_policies()

    async def work() -> None:
        async with open_lookup_redis(redis_server.url, timeout_s=5) as redis:
            budget = DailyBudget(redis, policies, most_usd=1000, spent_on=lambda _day: {})
            held = await budget.reserve(policies[PAID], units=1)
            for steps in range(30):  # at whatever it waits for
                reserving = asyncio.create_task(budget.reserve(policies[PAID], units=1))
                for _ in range(steps):
                    await asyncio.sleep(0)
                reserving.cancel()
                for reserved in await asyncio.gather(reserving, return_exceptions=True):
                    if isinstance(reserved, Reservation):
                        await budget.give_back(reserved, was_sent=False)
            await budget.give_back(held, was_sent=False)

    run(work())
    with Redis.from_url(redis_server.url) as redis:
        assert redis.hmget(KEY, "calls:google_vision", "micros") == [b"0", b"0"]


def test_while_nobody_counts_only_what_is_free_is_asked(start_redis: StartRedis) -> None:
    redis = start_redis()

    async def work() -> None:
        async with scripted(good()) as provider, careful_calls(redis.url) as calls:
            redis.kill()
            for name in (PAID, COUNTED):
                with pytest.raises(QueueUnavailable):
                    await ask(calls, provider.question(name))
            assert await ask(calls, provider.question(FREE)) == Told("an answer", Bill(calls=1))
            assert provider.received == [FREE]
            redis.start()
            assert await outcome(calls, provider.question()) == "told"

    run(work())
