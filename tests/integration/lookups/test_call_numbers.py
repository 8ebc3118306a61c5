"""What Prometheus is told of calls to providers: each request once, and money when it is owed."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.counted import Counted
from tests.fixtures.private_redis import RunningRedis
from tests.integration.lookups.scripted_provider import (
    PAID,
    PRICE,
    ask,
    bad,
    careful_calls,
    good,
    scripted,
    silence,
)
from veilgate.domain.provider_errors import ProviderDown, ProviderResting
from veilgate.lookups.deadlines import answers_by

CALLS = "veilgate_provider_calls_total"
KNOWN = "veilgate_provider_answers_known_total"
COST = "veilgate_provider_cost_usd_total"


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


def test_every_request_counts_and_the_one_that_is_billed_costs(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with scripted(bad(500), bad(503), good()) as provider, careful_calls(redis_server.url) as calls:
            await ask(calls, provider.question())

    counted = Counted()
    run(work())
    assert counted(CALLS, provider=PAID, outcome="provider_down") == 2
    assert counted(CALLS, provider=PAID, outcome="answered") == 1
    assert counted("veilgate_provider_call_seconds_count", provider=PAID) == 3
    assert counted(COST, provider=PAID) == pytest.approx(PRICE)


def test_who_shares_or_finds_an_answer_makes_no_call(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with scripted(good(after_s=0.1)) as provider, careful_calls(redis_server.url) as calls:
            await asyncio.gather(*(ask(calls, provider.question()) for _ in range(10)))
            await ask(calls, provider.question())

    counted = Counted()
    run(work())
    assert counted(CALLS, provider=PAID, outcome="answered") == 1
    assert counted(KNOWN, provider=PAID, source="shared") == 9
    assert counted(KNOWN, provider=PAID, source="cached") == 1
    assert counted(COST, provider=PAID) == pytest.approx(PRICE)


def test_what_is_cut_off_after_it_was_sent_may_be_billed(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with scripted(silence) as provider, careful_calls(redis_server.url) as calls:
            asking = asyncio.create_task(ask(calls, provider.question()))
            while not provider.received:
                await asyncio.sleep(0.005)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    counted = Counted()
    run(work())
    assert counted(CALLS, provider=PAID, outcome="cut_off") == 1
    assert counted(COST, provider=PAID) == pytest.approx(PRICE)


def test_nothing_that_was_not_sent_counts(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with scripted(good()) as provider, careful_calls(redis_server.url, usd=0.0001) as calls:
            with answers_by(asyncio.get_running_loop().time() + 5):
                await asyncio.gather(ask(calls, provider.question()), return_exceptions=True)
            assert provider.received == []

    counted = Counted()
    run(work())
    assert counted("veilgate_provider_call_seconds_count", provider=PAID) == 0
    assert counted(COST, provider=PAID) == 0


def test_a_provider_that_is_left_alone_is_said_to_be(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with scripted(bad(500)) as provider, careful_calls(redis_server.url) as calls:
            assert not calls.is_resting(PAID)
            for number in range(2):
                with pytest.raises((ProviderDown, ProviderResting)):
                    await ask(calls, provider.question(text=str(number)))
            assert calls.is_resting(PAID)
            # Nobody who was refused has called.
            with pytest.raises(ProviderResting):
                await ask(calls, provider.question())

    counted = Counted()
    run(work())
    assert counted(CALLS, provider=PAID, outcome="provider_down") == 5
