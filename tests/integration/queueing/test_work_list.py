"""Putting a job on its list: once, whatever was there before and whatever Redis answers."""

from pathlib import Path

import pytest
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from tests.fixtures.private_redis import RunningRedis, StartRedis
from tests.fixtures.tcp_proxy import TcpProxy
from tests.integration.queueing.lists import Lists
from veilgate.domain.jobs import JobKind, Lane
from veilgate.queueing.connection import REDIS_AWAY
from veilgate.queueing.work_list import TASK


def test_a_job_is_put_on_the_list_of_its_lane(lists: Lists) -> None:
    lists.put("a")
    lists.put("b", lane=Lane.BULK)
    assert (lists.waiting(), lists.waiting(Lane.BULK)) == (["a"], ["b"])


def test_the_record_names_our_task_and_only_the_id(lists: Lists) -> None:
    lists.put("a")
    job = Job.fetch("a", connection=lists.redis, serializer=JSONSerializer)
    assert (job.func_name, job.args, job.kwargs) == (TASK, ["a"], {})
    assert (job.origin, job.timeout, job.retries_left) == ("images-interactive", 60, 1000)


def test_putting_twice_leaves_one_entry(lists: Lists) -> None:
    lists.put("a", "a")
    assert lists.waiting() == ["a"]


def test_a_job_that_is_being_handed_over_or_worked_on_is_left_there(lists: Lists) -> None:
    lists.put("a", "b")
    assert lists.hand_over() == "a"
    lists.start("b", until_s=9e9)
    lists.put("a", "b")
    assert (lists.waiting(), lists.handed_over(), lists.started()) == ([], ["a"], ["b"])


@pytest.mark.parametrize("field", ["last_heartbeat", "status"])
def test_a_record_without_an_entry_does_not_keep_a_job_off_the_list(lists: Lists, field: str) -> None:
    """What a late heartbeat leaves behind; RQ by itself would call it a duplicate for ever."""
    lists.redis.hset("rq:job:a", field, "started")
    lists.put("a")
    assert lists.waiting() == ["a"]
    assert Job.fetch("a", connection=lists.redis, serializer=JSONSerializer).func_name == TASK


def test_who_finds_the_same_dead_record_a_moment_earlier_does_no_harm(
    lists: Lists, redis_server: RunningRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway, the reconciler and `jobs verify` may all list a job that was cancelled and is wanted again.
    The slower one ended with RQ's word for a duplicate: a gateway's dispatcher, or the whole reconciler."""
    other = Lists(redis_server.url)
    delete = lists.redis.delete

    def and_then_the_other_is_quicker(*keys: str) -> int:
        gone = delete(*keys)
        other.put("a")
        return int(gone)

    lists.redis.hset("rq:job:a", "status", "started")
    monkeypatch.setattr(lists.redis, "delete", and_then_the_other_is_quicker)
    assert lists.work_list.put("a", JobKind.VEIL, Lane.INTERACTIVE)
    assert lists.waiting() == ["a"]
    other.redis.close()


def test_a_job_that_failed_before_is_no_longer_listed_as_failed(lists: Lists) -> None:
    """`rq info` must not count a job as failed that waits for its next attempt."""
    lists.put("a")
    queue = lists.lanes[Lane.INTERACTIVE]
    registry = FailedJobRegistry(queue=queue, serializer=JSONSerializer)
    lists.redis.lrem(queue.key, 0, "a")
    registry.add(queue.fetch_job("a"), ttl=100)
    lists.put("a")
    assert lists.waiting() == ["a"]
    assert len(registry) == 0


def test_a_lost_reply_leaves_one_entry(start_redis: StartRedis) -> None:
    wire = TcpProxy(Path(start_redis().url.removeprefix("unix://")))
    lists = Lists(f"redis://127.0.0.1:{wire.port}/0")
    lists.put("before")
    wire.swallow(b"EVALSHA")
    lists.put("a")
    assert wire.swallowed == 1
    assert lists.waiting() == ["before", "a"]
    lists.redis.close()
    wire.close()


def test_a_full_redis_counts_as_away(start_redis: StartRedis) -> None:
    lists = Lists(start_redis().url)
    lists.put("before")
    lists.redis.config_set("maxmemory", "1")
    with pytest.raises(REDIS_AWAY):
        lists.put("a")
    lists.redis.config_set("maxmemory", "0")
    lists.put("a")
    assert lists.waiting() == ["before", "a"]
    lists.redis.close()


def test_forgetting_removes_an_entry_wherever_it_is(lists: Lists) -> None:
    lists.put("started", "handed", "waiting", "other")
    lists.start("started", until_s=9e9)
    assert lists.hand_over() == "handed"
    lists.work_list.forget(["started", "handed", "waiting", "never-there"])
    assert lists.work_list.all_listed() == {"other"}
    assert lists.redis.ttl("rq:job:waiting") > 0, "its record goes by itself"
    assert lists.redis.ttl("rq:job:other") == -1


def test_a_job_that_counts_as_started_cannot_be_put_yet(lists: Lists) -> None:
    """As after a cancel and a retry, while the worker has not noticed: to say it was put would strand it."""
    lists.put("a")
    lists.start("a", until_s=9e9)
    assert not lists.work_list.put("a", JobKind.VEIL, Lane.INTERACTIVE)
    lists.work_list.forget(["a"])
    assert lists.work_list.put("a", JobKind.VEIL, Lane.INTERACTIVE)
    assert lists.waiting() == ["a"]


def test_what_is_listed_is_seen_in_every_lane(lists: Lists) -> None:
    lists.put("a")
    lists.put("b", "c", lane=Lane.BULK)
    lists.hand_over(Lane.BULK)
    lists.start("c", until_s=9e9, lane=Lane.BULK)
    assert lists.work_list.all_listed() == {"a", "b", "c"}
