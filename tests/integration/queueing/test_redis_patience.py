"""How long a process waits for a Redis that does not answer, or answers and is of no use."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.fixtures.private_redis import RunningRedis, StartRedis
from tests.fixtures.tcp_proxy import TcpProxy
from veilgate.domain.errors import QueueUnavailable
from veilgate.queueing.connection import REDIS_AWAY, open_redis
from veilgate.queueing.presence import Presence, who_is_present
from veilgate.queueing.wakeups import WakeupSender

PATIENCE_S = 0.5


@pytest.fixture
def wire(redis_server: RunningRedis) -> Iterator[TcpProxy]:
    wire = TcpProxy(Path(redis_server.url.removeprefix("unix://")))
    yield wire
    wire.close()


@pytest.fixture
def redis(wire: TcpProxy) -> Iterator[Redis]:
    redis = open_redis(f"redis://127.0.0.1:{wire.port}/0", timeout_s=PATIENCE_S)
    redis.ping()
    yield redis
    redis.close()


def test_who_does_not_answer_is_not_asked_twice(wire: TcpProxy, redis: Redis) -> None:
    wire.silence()
    began_s = time.monotonic()
    with pytest.raises(REDIS_AWAY):
        redis.get("anything")
    assert PATIENCE_S * 0.9 < time.monotonic() - began_s < PATIENCE_S * 1.9


def test_a_connection_that_broke_is_made_anew(wire: TcpProxy, redis: Redis) -> None:
    wire.swallow(b"anything")
    assert redis.set("anything", "kept")
    assert (redis.get("anything"), wire.swallowed) == (b"kept", 1)


def test_wake_ups_leave_a_silent_redis_alone(wire: TcpProxy, redis: Redis) -> None:
    """Who records results sends them, one after another, and must not wait for each."""
    wake = WakeupSender(redis)
    wire.silence()
    began_s = time.monotonic()
    for _ in range(5):
        wake(["a", "b"])
    assert time.monotonic() - began_s < PATIENCE_S * 2


def test_wake_ups_go_on_soon_after_a_refusal(
    redis_server: RunningRedis, wire: TcpProxy, redis: Redis
) -> None:
    wake = WakeupSender(redis)
    wire.cut()
    wake(["lost"])
    wire.mend()
    with Redis.from_url(redis_server.url) as other, other.pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe("veilgate:wake")
        until_s = time.monotonic() + 10
        message = None
        while message is None and time.monotonic() < until_s:
            wake(["a", "b"])
            message = heard.get_message(timeout=0.1)
    assert message
    assert message["data"] == b"a b"


def test_a_redis_that_only_answers_counts_as_away(start_redis: StartRedis) -> None:
    with Redis.from_url(start_redis().url) as redis:
        Presence(redis, family="images", name="w").announce({"pid": 1})
        assert who_is_present(redis)["images"] == [{"name": "w", "pid": 1}]
        redis.config_set("maxmemory", "1")
        with pytest.raises(QueueUnavailable, match="takes no writes"):
            who_is_present(redis)
