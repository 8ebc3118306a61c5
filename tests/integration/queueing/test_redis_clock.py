"""Redis' clock, whatever the host's says."""

import time

import pytest
from redis import Redis

from tests.fixtures.private_redis import RunningRedis
from veilgate.queueing.redis_clock import RedisClock


def test_a_wrong_host_does_not_matter(redis_server: RunningRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    right_s = time.time()
    monkeypatch.setattr(time, "time", lambda: right_s + 3600)
    with Redis.from_url(redis_server.url) as redis:
        assert RedisClock(redis).now_s() == pytest.approx(right_s, abs=5)


def test_redis_is_asked_now_and_then(redis_server: RunningRedis) -> None:
    with Redis.from_url(redis_server.url) as redis:
        clock = RedisClock(redis)
        readings = [clock.now_s() for _ in range(100)]
        asked = redis.info("commandstats").get("cmdstat_time", {}).get("calls")
        assert readings == sorted(readings)
        redis.config_resetstat()
        clock.now_s()
        assert "cmdstat_time" not in redis.info("commandstats")
    assert asked >= 1
