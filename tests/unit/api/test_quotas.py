"""Quotas on a real Redis: exact for all gateways together, and honest about when to come back."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

import pytest
from redis import Redis

from tests.fixtures.private_redis import RunningRedis
from tests.waiting import wait_until
from veilgate.api.quotas import Allowances, Quotas
from veilgate.domain.errors import RateLimited
from veilgate.domain.rejections import RequestTooLarge

KEY = "key-of-somebody"


@asynccontextmanager
async def gateways(url: str, allowances: Allowances, count: int = 1) -> AsyncIterator[list[Quotas]]:
    """What so many gateways have, each its own."""
    opened = [Quotas(url, allowances) for _ in range(count)]
    yield opened
    for quotas in opened:
        await quotas.close()


async def refusal(asked: Coroutine[None, None, None]) -> int:
    """The seconds after which to ask again; 0 when it was admitted."""
    try:
        await asked
    except RateLimited as refused:
        return refused.retry_after_s or -1
    return 0


def test_of_many_side_by_side_exactly_the_quota_is_admitted(redis_server: RunningRedis) -> None:
    async def ask() -> list[int]:
        async with gateways(redis_server.url, Allowances(requests=25), count=2) as both:
            return await asyncio.gather(
                *(refusal(quotas.admit_request(KEY)) for _ in range(40) for quotas in both)
            )

    answers = asyncio.run(ask())
    assert answers.count(0) == 25
    assert {answer for answer in answers if answer} <= {59, 60}


def test_nobody_pays_for_another(redis_server: RunningRedis) -> None:
    async def ask() -> list[int]:
        async with gateways(redis_server.url, Allowances(requests=1)) as [quotas]:
            return [await refusal(quotas.admit_request(subject)) for subject in ("a", "a", "b")]

    assert [bool(answer) for answer in asyncio.run(ask())] == [False, True, False]


def test_who_waits_as_told_is_admitted_and_a_second_less_is_not_enough(redis_server: RunningRedis) -> None:
    async def ask() -> tuple[int, int, int]:
        async with gateways(redis_server.url, Allowances(requests=2, requests_window_s=3)) as [quotas]:
            await quotas.admit_request(KEY)
            await asyncio.sleep(0.5)
            await quotas.admit_request(KEY)
            told_s = await refusal(quotas.admit_request(KEY))
            await asyncio.sleep(told_s - 1)
            too_early = await refusal(quotas.admit_request(KEY))
            await asyncio.sleep(1)
            return told_s, too_early, await refusal(quotas.admit_request(KEY))

    # After 0.5 of 3 s the first request counts for another 2.5 s.
    assert asyncio.run(ask()) == (3, 1, 0)


def test_no_window_ever_holds_more_wherever_it_begins(redis_server: RunningRedis) -> None:
    async def hammer() -> list[tuple[float, float]]:
        admitted = []
        async with gateways(redis_server.url, Allowances(requests=15, requests_window_s=1), count=2) as both:
            began_s = time.monotonic()
            while time.monotonic() < began_s + 2.3:
                for quotas in both:
                    before_s = time.monotonic()
                    if not await refusal(quotas.admit_request(KEY)):
                        admitted.append((before_s, time.monotonic()))
                await asyncio.sleep(0.002)
        return admitted

    admitted = asyncio.run(hammer())
    assert len(admitted) >= 30
    for (before_s, _), (_, after_s) in zip(admitted, admitted[15:], strict=False):
        # The sixteenth came when the first was a whole window past, however one reads the clock.
        assert after_s - before_s >= 1


def test_the_clock_of_a_gateway_decides_nothing(
    redis_server: RunningRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> list[int]:
        async with gateways(redis_server.url, Allowances(requests=1), count=2) as [first, second]:
            before = await refusal(first.admit_request(KEY))
            real = time.time
            monkeypatch.setattr(time, "time", lambda: real() + 3600)
            return [before, await refusal(second.admit_request(KEY))]

    assert [bool(answer) for answer in asyncio.run(ask())] == [False, True]


def test_bytes_are_admitted_as_they_fit(redis_server: RunningRedis) -> None:
    async def ask() -> tuple[list[int], int, int]:
        async with gateways(redis_server.url, Allowances(bytes=100, bytes_window_s=3)) as [quotas]:
            first = [await refusal(quotas.admit_bytes(KEY, size)) for size in (60, 0)]
            await asyncio.sleep(1.1)
            # 30 more fit beside the 60; for 50 these must be past, for 90 all.
            first.append(await refusal(quotas.admit_bytes(KEY, 30)))
            return (
                first,
                await refusal(quotas.admit_bytes(KEY, 50)),
                await refusal(quotas.admit_bytes(KEY, 90)),
            )

    assert asyncio.run(ask()) == ([0, 0, 0], 2, 3)


def test_what_can_never_be_sent_is_not_put_off(redis_server: RunningRedis) -> None:
    async def ask() -> None:
        async with gateways(redis_server.url, Allowances(bytes=100)) as [quotas]:
            await quotas.admit_bytes(KEY, 101)

    with pytest.raises(RequestTooLarge, match="100 bytes"):
        asyncio.run(ask())


def test_what_is_not_limited_asks_nobody(redis_server: RunningRedis) -> None:
    async def ask() -> None:
        async with gateways(redis_server.url, Allowances()) as [quotas], quotas.stream(KEY):
            await quotas.admit_request(KEY)
            await quotas.admit_bytes(KEY, 10**15)
            with Redis.from_url(redis_server.url) as redis:
                assert redis.keys() == []

    asyncio.run(ask())


def test_failed_logins_are_counted_for_each_client_over_all_gateways(redis_server: RunningRedis) -> None:
    async def ask() -> tuple[list[int], ...]:
        allowed = Allowances(failed_logins=3, failed_logins_window_s=2)
        async with gateways(redis_server.url, allowed, count=2) as [here, there]:
            failures = [await refusal(here.note_failed_login("1.2.3.4")) for _ in range(3)]
            too_many = [await refusal(each.note_failed_login("1.2.3.4")) for each in (here, there)]
            others = [await refusal(here.note_failed_login("1.2.3.5"))]
            await asyncio.sleep(too_many[0])
            return failures, too_many, others, [await refusal(here.note_failed_login("1.2.3.4"))]

    assert asyncio.run(ask()) == ([0, 0, 0], [2, 2], [0], [0])


def test_subjects_cannot_be_read_in_redis(redis_server: RunningRedis) -> None:
    async def ask() -> None:
        allowed = Allowances(requests=9, bytes=9, streams=9)
        async with gateways(redis_server.url, allowed) as [quotas], quotas.stream(KEY):
            await quotas.admit_request(KEY)
            await quotas.admit_bytes(KEY, 1)
            await quotas.note_failed_login("1.2.3.4")
            with Redis.from_url(redis_server.url) as redis:
                keys = [key.decode() for key in redis.scan_iter()]
                assert len(keys) == 4
                assert all(key.startswith("veilgate:quota:") for key in keys)
                assert not any(KEY in key or "1.2.3.4" in key for key in keys)
                assert all(redis.pttl(key) > 0 for key in keys)

    asyncio.run(ask())


async def stream_refusal(quotas: Quotas) -> int:
    async def enter() -> None:
        async with quotas.stream(KEY):
            pass

    return await refusal(enter())


async def until_a_stream_is_admitted(quotas: Quotas, *, timeout_s: float) -> float:
    began_s = time.monotonic()
    while await stream_refusal(quotas):
        assert time.monotonic() - began_s < timeout_s
        await asyncio.sleep(0.02)
    return time.monotonic() - began_s


def test_open_streams_count_over_all_gateways(redis_server: RunningRedis) -> None:
    async def open_some() -> tuple[int, int]:
        async with gateways(redis_server.url, Allowances(streams=2), count=2) as [here, there]:
            async with here.stream(KEY), there.stream(KEY):
                refused = [await stream_refusal(here), await stream_refusal(there)]
            await until_a_stream_is_admitted(here, timeout_s=1)
            return refused[0], refused[1]

    assert asyncio.run(open_some()) == (5, 5)


def test_a_stream_whose_caller_hangs_up_is_given_back(redis_server: RunningRedis) -> None:
    async def hang_up() -> None:
        async with gateways(redis_server.url, Allowances(streams=1)) as [quotas]:
            entered = asyncio.Event()

            async def watch() -> None:
                async with quotas.stream(KEY):
                    entered.set()
                    await asyncio.Event().wait()

            watching = asyncio.create_task(watch())
            await entered.wait()
            watching.cancel()
            await until_a_stream_is_admitted(quotas, timeout_s=1)

    asyncio.run(hang_up())


def test_a_stream_keeps_its_place_longer_than_its_lease(redis_server: RunningRedis) -> None:
    async def watch() -> list[int]:
        async with gateways(redis_server.url, Allowances(streams=1, stream_lease_s=0.6), count=2) as both:
            here, there = both
            async with here.stream(KEY):
                answers = []
                for _ in range(15):
                    answers.append(await stream_refusal(there))
                    await asyncio.sleep(0.1)
                return answers

    assert asyncio.run(watch()) == [5] * 15


_WATCHES = """
import asyncio, sys
from veilgate.api.quotas import Allowances, Quotas
async def watch():
    async with Quotas(sys.argv[1], Allowances(streams=1, stream_lease_s=1.5)).stream(sys.argv[2]):
        print("open", flush=True)
        await asyncio.sleep(60)
asyncio.run(watch())
"""


def test_streams_of_a_killed_gateway_are_forgotten(redis_server: RunningRedis) -> None:
    async def look() -> tuple[int, float]:
        async with gateways(redis_server.url, Allowances(streams=1)) as [quotas]:
            while_it_lives = await stream_refusal(quotas)
            process.kill()
            return while_it_lives, await until_a_stream_is_admitted(quotas, timeout_s=5)

    command = [sys.executable, "-c", _WATCHES, redis_server.url, KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        wait_until(process.stdout.readline, timeout_s=20, what="a stream is open")
        while_it_lives, forgotten_after_s = asyncio.run(look())
    assert while_it_lives == 5
    assert forgotten_after_s < 2
