"""Quotas while Redis is away: nobody waits, nobody is refused for it, nobody gets more from one gateway."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from redis import Redis

from tests.fixtures.private_redis import RunningRedis, StartRedis
from tests.fixtures.tcp_proxy import TcpProxy
from tests.unit.api.test_quotas import KEY, gateways, refusal, stream_refusal
from veilgate.api import local_counts, redis_counts, round_trips
from veilgate.api.local_counts import LocalCounts
from veilgate.api.quotas import Allowances, Quotas

PAUSE_S = 0.3


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_trips, "_PAUSE_S", PAUSE_S)


@pytest.fixture
def wire(redis_server: RunningRedis) -> Iterator[TcpProxy]:
    with closing(TcpProxy(redis_server.folder / "redis.sock")) as proxy:
        yield proxy


async def admitted_of(quotas: Quotas, count: int, subject: str = KEY) -> int:
    return [await refusal(quotas.admit_request(subject)) for _ in range(count)].count(0)


async def until_counted(quotas: Quotas, redis: Redis, subject: str) -> None:
    """Asks until Redis hears of it again."""
    give_up_s = time.monotonic() + 5
    while not redis.keys():
        assert time.monotonic() < give_up_s
        await refusal(quotas.admit_request(subject))
        await asyncio.sleep(0.05)


def test_a_killed_redis_gives_nobody_a_new_quota(start_redis: StartRedis) -> None:
    redis = start_redis()

    async def ask() -> tuple[int, int, int, int]:
        async with gateways(redis.url, Allowances(requests=10)) as [quotas]:
            before = await admitted_of(quotas, 7)
            redis.kill()
            meanwhile, of_another = await admitted_of(quotas, 20), await admitted_of(quotas, 20, "b")
            # Another Redis, which knows nothing of all that.
            redis.start()
            with Redis.from_url(redis.url) as client:
                await until_counted(quotas, client, "c")
            return before, meanwhile, of_another, await admitted_of(quotas, 20)

    assert asyncio.run(ask()) == (7, 3, 10, 0)


def test_a_silent_redis_is_waited_for_once(wire: TcpProxy) -> None:
    async def ask() -> tuple[list[float], int]:
        waits: list[float] = []

        async def one(number: int) -> None:
            began_s = time.monotonic()
            await quotas.admit_request(f"subject-{number}")
            waits.append(time.monotonic() - began_s)

        async with gateways(f"redis://127.0.0.1:{wire.port}", Allowances(requests=10)) as [quotas]:
            await quotas.admit_request(KEY)
            wire.silence()
            # Side by side, then one after another within the pause.
            await asyncio.gather(*(one(number) for number in range(50)))
            together_s = max(waits)
            waits.clear()
            for number in range(50):
                await one(number)
            return [together_s, sum(waits)], await admitted_of(quotas, 20)

    [together_s, in_turn_s], admitted = asyncio.run(ask())
    assert redis_counts.PATIENCE_S <= together_s < 3 * redis_counts.PATIENCE_S
    assert in_turn_s < redis_counts.PATIENCE_S
    assert admitted == 9


def test_while_one_tries_again_the_others_do_not_wait(wire: TcpProxy) -> None:
    async def ask() -> list[float]:
        async def one() -> float:
            began_s = time.monotonic()
            await quotas.admit_request(KEY)
            return time.monotonic() - began_s

        async with gateways(f"redis://127.0.0.1:{wire.port}", Allowances(requests=100)) as [quotas]:
            wire.silence()
            await one()
            await asyncio.sleep(PAUSE_S)
            return sorted(await asyncio.gather(*(one() for _ in range(30))))

    *others_s, longest_s = asyncio.run(ask())
    assert longest_s >= redis_counts.PATIENCE_S
    assert others_s[-1] < redis_counts.PATIENCE_S


def test_gateways_count_together_again_when_redis_is_back(wire: TcpProxy, redis_server: RunningRedis) -> None:
    async def ask() -> tuple[int, int, int]:
        url = f"redis://127.0.0.1:{wire.port}"
        async with gateways(url, Allowances(requests=10), count=2) as [here, there]:
            wire.cut()
            apart = await admitted_of(here, 20, "a") + await admitted_of(there, 20, "a")
            wire.mend()
            with Redis.from_url(redis_server.url) as client:
                for quotas in (here, there):
                    client.flushdb()
                    await until_counted(quotas, client, "b")
            # What each admitted by itself still binds it.
            still_bound = await admitted_of(here, 5, "a") + await admitted_of(there, 5, "a")
            return apart, still_bound, await admitted_of(here, 20, "c") + await admitted_of(there, 20, "c")

    assert asyncio.run(ask()) == (20, 0, 10)


def test_bytes_logins_and_streams_are_counted_here_meanwhile() -> None:
    async def ask() -> list[bool]:
        allowed = Allowances(bytes=100, streams=1, failed_logins=2)
        async with gateways("redis://127.0.0.1:1", allowed) as [quotas]:
            answers = [await refusal(quotas.admit_bytes(KEY, size)) for size in (60, 41, 40, 1)]
            answers += [await refusal(quotas.note_failed_login("1.2.3.4")) for _ in range(3)]
            async with quotas.stream(KEY):
                answers.append(await stream_refusal(quotas))
            answers.append(await stream_refusal(quotas))
            return [bool(answer) for answer in answers]

    assert asyncio.run(ask()) == [False, True, False, True, False, False, True, True, False]


def test_strangers_who_guess_keys_do_not_make_it_forget_what_others_used() -> None:
    async def ask() -> int:
        async with gateways("redis://127.0.0.1:1", Allowances(requests=1)) as [quotas]:
            await quotas.admit_request(KEY)
            for number in range(1100):
                await refusal(quotas.note_failed_login(str(number)))
            return await refusal(quotas.admit_request(KEY))

    assert asyncio.run(ask()) > 0


def test_streams_that_a_flushed_redis_forgot_are_told_again(redis_server: RunningRedis) -> None:
    async def watch() -> None:
        async with gateways(redis_server.url, Allowances(streams=1, stream_lease_s=0.3), count=2) as both:
            here, there = both
            async with here.stream(KEY):
                with Redis.from_url(redis_server.url) as client:
                    client.flushall()
                    give_up_s = time.monotonic() + 2
                    while not client.keys():
                        assert time.monotonic() < give_up_s
                        await asyncio.sleep(0.02)
                assert await stream_refusal(there)

    asyncio.run(watch())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What `local_counts` takes for the time."""

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now[0]

    now = [1000.0]
    monkeypatch.setattr(local_counts, "time", Clock)
    return now


def test_here_too_who_waits_as_told_is_admitted(clock: list[float]) -> None:
    counts = LocalCounts()
    for at_s in (1000.0, 1020.0):
        clock[0] = at_s
        assert counts.take("a", 1, limit=2, window_s=60).is_admitted
    clock[0] = 1030.5
    told_s = counts.take("a", 1, limit=2, window_s=60).retry_after_s
    assert told_s == 30
    clock[0] += told_s - 1
    assert not counts.take("a", 1, limit=2, window_s=60).is_admitted
    clock[0] += 1
    assert counts.take("a", 1, limit=2, window_s=60).is_admitted
    assert not counts.take("a", 1, limit=2, window_s=60).is_admitted


def test_the_memory_for_subjects_is_bounded() -> None:
    counts = LocalCounts()
    for number in range(3000):
        counts.take(f"subject-{number}", 1, limit=1, window_s=60)
    assert len(counts._windows) <= local_counts._MOST_KEYS
    # The newest are those that are remembered.
    assert not counts.take("subject-2999", 1, limit=1, window_s=60).is_admitted
