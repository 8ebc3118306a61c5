"""Many jobs on a list in one round trip: the same records as RQ's own, and the same care."""

from rq.job import Job
from rq.serializers import JSONSerializer

from tests.integration.queueing.lists import Lists
from veilgate.domain.jobs import JobKind, Lane

TIMES = {b"created_at", b"enqueued_at"}


def put_all(lists: Lists, *job_ids: str) -> list[str]:
    return lists.work_list.put_all(job_ids, JobKind.VEIL, Lane.INTERACTIVE)


def test_the_records_are_those_that_rq_writes(lists: Lists) -> None:
    lists.put("singly")
    put_all(lists, "together")
    one, other = (lists.redis.hgetall(f"rq:job:{name}") for name in ("singly", "together"))
    assert set(one) == set(other)
    own = {b"data", b"description", *TIMES}
    assert {name: one[name] for name in set(one) - own} == {name: other[name] for name in set(other) - own}
    jobs = [Job.fetch(name, lists.redis, JSONSerializer) for name in ("singly", "together")]
    assert [(job.func_name, job.args, job.kwargs, job.instance) for job in jobs] == [
        (jobs[0].func_name, [name], {}, None) for name in ("singly", "together")
    ]
    assert all(job.created_at and job.enqueued_at for job in jobs)
    assert abs((jobs[1].created_at - jobs[0].created_at).total_seconds()) < 60
    assert [lists.redis.ttl(f"rq:job:{name}") for name in ("singly", "together")] == [-1, -1]


def test_rq_knows_the_list(lists: Lists) -> None:
    put_all(lists, "a")
    assert lists.redis.smembers("rq:queues") == {b"rq:queue:images-interactive"}


def test_they_wait_in_the_order_given(lists: Lists) -> None:
    job_ids = [f"job-{number:03}" for number in range(256)]
    assert put_all(lists, *job_ids) == job_ids
    assert lists.waiting() == job_ids


def test_what_rq_knows_is_left_as_it_is_and_the_rest_is_put(lists: Lists) -> None:
    lists.put("waiting", "started")
    lists.start("started", until_s=9e9)
    assert put_all(lists, "new", "waiting", "started", "other") == ["new", "waiting", "other"]
    assert lists.waiting() == ["waiting", "new", "other"]
    assert lists.started() == ["started"]


def test_a_record_without_an_entry_does_not_keep_a_job_off_the_list(lists: Lists) -> None:
    lists.redis.hset("rq:job:a", "status", "started")
    assert put_all(lists, "a", "b") == ["a", "b"]
    assert sorted(lists.waiting()) == ["a", "b"]


def test_twice_the_same_is_listed_once(lists: Lists) -> None:
    assert put_all(lists, "a", "a") == ["a", "a"]
    assert lists.waiting() == ["a"]


def test_a_redis_that_forgot_its_scripts_is_told_again(lists: Lists) -> None:
    put_all(lists, "a")
    lists.redis.script_flush()
    put_all(lists, "b")
    assert lists.waiting() == ["a", "b"]
