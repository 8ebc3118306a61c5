"""Asking carefully: retries, limits, the breaker, and what is paid, over real HTTP and a real Redis."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from tests.fixtures.private_redis import RunningRedis
from tests.integration.lookups.scripted_provider import (
    ASKED,
    COUNTED,
    FREE,
    IMPATIENT,
    PAID,
    PRICE,
    ask,
    bad,
    careful_calls,
    good,
    micros,
    paid,
    scripted,
    silence,
    text,
)
from veilgate.domain.lookups import Asked, Bill
from veilgate.domain.provider_errors import (
    KeyRefused,
    LookupFailed,
    OutOfCredit,
    ProviderBroken,
    ProviderDown,
    ProviderResting,
    ProviderThrottled,
    QuestionRefused,
)
from veilgate.lookups.deadlines import answers_by
from veilgate.lookups.questions import Told


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


def test_is_asked_again_until_it_answers_and_pays_once(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with scripted(bad(500), bad(503), good()) as provider, careful_calls(redis_server.url) as calls:
            assert await ask(calls, provider.question()) == Told("an answer", paid(calls=3))

    run(work())


def test_gives_up_after_its_attempts_and_says_what_was_spent(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with scripted(bad(500)) as provider, careful_calls(redis_server.url) as calls:
            with pytest.raises(ProviderDown) as failed:
                await ask(calls, provider.question())
            assert failed.value.bill == Bill(calls=3)
            assert len(provider.received) == 3

    run(work())


@pytest.mark.parametrize(
    ("answer", "error"),
    [(silence, ProviderDown), (text('{"cut'), ProviderBroken), (text("<p>"), ProviderBroken)],
)
def test_what_may_have_been_billed_is_not_asked_again_where_it_costs(
    redis_server: RunningRedis, answer: Any, error: type[LookupFailed]
) -> None:
    async def work() -> None:
        async with (
            scripted(answer, answer, good()) as provider,
            careful_calls(redis_server.url, limits=IMPATIENT) as calls,
        ):
            with pytest.raises(error) as failed:
                await ask(calls, provider.question(PAID))
            assert failed.value.bill == paid()
            told = await ask(calls, provider.question(COUNTED))
            assert told == Told("an answer", Bill(calls=2))

    run(work())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (bad(400), QuestionRefused),
        (bad(401), KeyRefused),
        (bad(429, "out of credit"), OutOfCredit),
    ],
)
def test_what_time_does_not_change_is_asked_once(
    redis_server: RunningRedis, answer: Any, error: type[LookupFailed]
) -> None:
    async def work() -> None:
        async with scripted(answer) as provider, careful_calls(redis_server.url) as calls:
            for asking in ("one", "two"):
                with pytest.raises(error):
                    await ask(calls, provider.question(text=asking))
            # A refusal concerns the question; a key or an account concerns all.
            assert len(provider.received) == (2 if error is QuestionRefused else 1)

    run(work())


def test_who_cannot_be_reached_is_tried_again_and_costs_nothing(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with scripted(good()) as provider:
            gone = provider.question()
        async with careful_calls(redis_server.url, usd=PRICE) as calls:
            with pytest.raises(ProviderDown) as failed:
                await ask(calls, gone)
            assert failed.value.bill == Bill()
            async with scripted(good()) as provider:
                assert await ask(calls, provider.question()) == Told("an answer", paid())

    run(work())


def test_all_wait_as_long_as_one_of_them_was_told_to(redis_server: RunningRedis) -> None:
    async def work() -> None:
        told_off = bad(429, headers={"Retry-After": "1"})
        async with scripted(told_off, good()) as provider, careful_calls(redis_server.url) as calls:
            first = asyncio.create_task(ask(calls, provider.question(text="one")))
            while not provider.received:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            second = await ask(calls, provider.question(text="two"))
            assert (await first).bill == paid(calls=2)
            assert second.bill == paid()
            assert min(provider.at_s[1:]) - provider.at_s[0] >= 1

    run(work())


def test_who_cannot_wait_so_long_gives_up_at_once(redis_server: RunningRedis) -> None:
    async def work() -> None:
        told_off = bad(429, headers={"Retry-After": "30"})
        async with scripted(told_off) as provider, careful_calls(redis_server.url) as calls:
            with answers_by(asyncio.get_running_loop().time() + 5):
                for asking, sent in (("one", 1), ("two", 0)):
                    with pytest.raises(ProviderThrottled) as failed:
                        await ask(calls, provider.question(text=asking))
                    assert failed.value.bill == Bill(calls=sent)
                    assert failed.value.retry_after_s in {29, 30}

    run(work())


def test_a_failure_is_heard_of_before_the_deadline(redis_server: RunningRedis) -> None:
    async def work() -> None:
        limits = "google_vision.timeout_s=60"
        async with scripted(silence) as provider, careful_calls(redis_server.url, limits=limits) as calls:
            async with asyncio.timeout(1.0):
                with (
                    answers_by(asyncio.get_running_loop().time() + 1.0),
                    pytest.raises(ProviderDown) as failed,
                ):
                    await ask(calls, provider.question())
            assert failed.value.bill == paid()

    run(work())


def test_nobody_is_sent_to_one_who_failed_too_often(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with scripted(bad(500)) as provider, careful_calls(redis_server.url) as calls:
            for number in range(4):
                with pytest.raises((ProviderDown, ProviderResting)):
                    await ask(calls, provider.question(text=str(number)))
            assert len(provider.received) == 5
            with pytest.raises(ProviderResting) as failed:
                await ask(calls, provider.question())
            assert 1 <= (failed.value.retry_after_s or 0) <= 5
            provider.answers[:] = [good()]
            assert (await ask(calls, provider.question(FREE))).bill == Bill(calls=1)

    run(work())


def test_the_same_question_is_asked_once_at_a_time(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with scripted(good(after_s=0.1)) as provider, careful_calls(redis_server.url) as calls:
            told = await asyncio.gather(*(ask(calls, provider.question()) for _ in range(10)))
            assert len(provider.received) == 1
            assert sum((one.bill for one in told), Bill()) == paid() + Bill(cached=9)
            provider.answers[:] = [bad(400)]
            asking = (ask(calls, provider.question(text="else")) for _ in range(3))
            failed = await asyncio.gather(*asking, return_exceptions=True)
            bills = [error.bill for error in failed if isinstance(error, QuestionRefused)]
            assert sorted(bill.calls for bill in bills) == [0, 0, 1]

    run(work())


def test_an_answer_is_kept_for_its_owner_whoever_works_then(redis_server: RunningRedis) -> None:
    other = Asked("owner-2", "image-2")

    async def work() -> None:
        async with scripted(good({"n": [1, None]})) as provider:
            async with careful_calls(redis_server.url) as calls:
                first = await ask(calls, provider.question())
            async with careful_calls(redis_server.url) as calls:
                again = await ask(calls, provider.question(), Asked(ASKED.owner_id, "image-3"))
                assert again == Told(first.document, Bill(cached=1))
                assert (await ask(calls, provider.question(), other)).bill == paid()
                assert (await ask(calls, provider.question(parameters="hl=de"))).bill == paid()
                assert (await ask(calls, provider.question(text="else"))).bill == paid()
                assert (await ask(calls, provider.question(FREE))).bill == Bill(calls=1)
            async with careful_calls(redis_server.url, kept_h=0) as calls:
                assert (await ask(calls, provider.question())).bill == paid()

    run(work())


def test_who_is_cancelled_while_waiting_pays_nothing(redis_server: RunningRedis) -> None:
    async def work() -> None:
        told_off = bad(429, headers={"Retry-After": "8"})
        async with (
            scripted(told_off) as provider,
            careful_calls(redis_server.url, limits=f"{PAID}.attempts=1") as calls,
            Redis.from_url(redis_server.url) as redis,
        ):
            with pytest.raises(ProviderThrottled):
                await ask(calls, provider.question(text="one"))
            second = asyncio.create_task(ask(calls, provider.question(text="two")))
            await spent_becomes(redis, PRICE)
            second.cancel()
            await spent_becomes(redis, 0)
            assert len(provider.received) == 1

    run(work())


async def spent_becomes(redis: Redis, usd: float) -> None:
    while int(await redis.hget("veilgate:spent-today", "micros") or 0) != micros(usd):
        await asyncio.sleep(0.005)


def test_no_log_says_a_key_or_what_was_asked(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with (
            scripted(bad(500), silence, good()) as provider,
            careful_calls(redis_server.url, limits=IMPATIENT) as calls,
        ):
            await ask(calls, provider.question(FREE))

    with capture_logs() as logs:
        run(work())
    asked = [entry for entry in logs if entry["event"] == "provider.asked"]
    assert [(entry["status"], entry["error"], entry["attempt"]) for entry in asked] == [
        (500, "provider_down", 1),
        (None, "provider_down", 2),
        (200, None, 3),
    ]
    assert "s3cret" not in repr(logs)
    assert "what is it?" not in repr(logs)
