"""Redis answers and refuses to write: full, or a replica. To the house that is as bad as being away."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from redis.exceptions import ResponseError

from tests.faults.cells import Seen, cell
from tests.faults.client import Clients
from tests.faults.oracle import Oracle
from tests.faults.rig import Rig


@cell(
    "F25",
    fault="redis' maxmemory reached (noeviction)",
    promised="202 is kept and what is in work is finished; /health says it; waiting jobs run later",
)
def test_redis_is_full(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    begin_two(rig, oracle, clients)
    redis = rig.redis_client
    with refusing(
        rig, lambda: redis.config_set("maxmemory", "1"), lambda: redis.config_set("maxmemory", "0")
    ):
        finish_two_and_take_three(rig, oracle, clients)
    catch_up(oracle, seen)


@cell(
    "F30",
    fault="redis becomes a read-only replica",
    promised="202 is kept and what is in work is finished; /health says it; waiting jobs run later",
)
def test_redis_is_read_only(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    begin_two(rig, oracle, clients)
    redis = rig.redis_client
    with refusing(rig, lambda: redis.slaveof("127.0.0.1", 1), redis.slaveof):
        finish_two_and_take_three(rig, oracle, clients)
    catch_up(oracle, seen)


@contextmanager
def refusing(rig: Rig, breaks: Callable[[], object], mends: Callable[[], object]) -> Iterator[None]:
    """While the block lasts, Redis answers and takes no writes."""
    breaks()
    try:
        with pytest.raises(ResponseError):
            rig.redis_client.set("anything", "new")
        yield
    finally:
        mends()


def begin_two(rig: Rig, oracle: Oracle, clients: Clients) -> None:
    rig.keep_dead("worker-2")
    rig.restart("worker-1", failpoints="in_infer:sleep=1.5@1")
    ids = clients.upload_many(2)
    rig.until(lambda: oracle.count(ids, "processing") == len(ids), what="both in work")


def finish_two_and_take_three(rig: Rig, oracle: Oracle, clients: Clients) -> None:
    in_work, pid, mark = list(clients.told.accepted), rig.members["worker-1"].pid, len(rig.log)
    waiting = clients.upload_many(3)
    rig.until(lambda: oracle.have_ended(in_work), what="the end of what was in work")
    rig.until(lambda: rig.get("/health")["parts"]["redis"]["status"] == "wrong", what="/health to say so")
    assert rig.get("/ready"), "what is accepted durably needs no Redis"
    assert oracle.count(waiting, "submitted") == len(waiting)
    assert rig.members["worker-1"].pid == pid, "workers wait for Redis, they do not end"
    assert rig.log[mark:].count("worker.redis_away") <= 1, "once is enough to say it"


def catch_up(oracle: Oracle, seen: Seen) -> None:
    mended_s = time.monotonic()
    oracle.check()
    seen.saw(
        f"2 in work ended, 3 of 3 got 202 and were done {time.monotonic() - mended_s:.1f} s after the end"
    )
