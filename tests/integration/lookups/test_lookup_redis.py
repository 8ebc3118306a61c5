"""Redis as lookups use it: hundreds wait for a few connections."""

import asyncio

import pytest
from redis.exceptions import RedisError

from tests.fixtures.private_redis import RunningRedis
from veilgate.lookups.lookup_redis import open_lookup_redis


def test_who_waits_for_others_does_not_take_redis_for_away(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with open_lookup_redis(redis_server.url, timeout_s=1.0) as redis:
            waiting = (redis.blpop([f"nothing-{number}"], timeout=0.3) for number in range(80))
            assert await asyncio.gather(*waiting) == [None] * 80
            assert int((await redis.info("clients"))["connected_clients"]) <= 20

    asyncio.run(work())


def test_who_does_not_answer_in_time_is_away(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with open_lookup_redis(redis_server.url, timeout_s=0.1) as redis:
            with pytest.raises(RedisError):
                await redis.blpop(["nothing"], timeout=5)

    asyncio.run(work())
