"""The sweeper brings back what dead workers held, each entry once, however many sweep."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from rq import SimpleWorker
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

from tests.integration.queueing.lists import Lists
from veilgate.domain.jobs import Lane
from veilgate.queueing.rq_books import RqBooks
from veilgate.queueing.sweeper import Sweeper

HANDOVER_S = 10.0


class Clock:
    def __init__(self) -> None:
        self.s = 1_800_000_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("veilgate.queueing.sweeper.RedisClock.now_s", lambda _self: clock.s)
    return clock


def sweeper_of(lists: Lists) -> Sweeper:
    return Sweeper(lists.redis, list(lists.lanes.values()), handover_s=HANDOVER_S)


def test_only_what_is_overdue_comes_back_and_to_the_front(lists: Lists, clock: Clock) -> None:
    lists.put("late", "held", "waiting")
    lists.start("late", until_s=clock.s - 1)
    lists.start("held", until_s=clock.s + 1)
    assert sweeper_of(lists).sweep() == 1
    assert (lists.waiting(), lists.started()) == (["late", "waiting"], ["held"])
    assert sweeper_of(lists).sweep() == 0


def test_each_lane_gets_its_own_back(lists: Lists, clock: Clock) -> None:
    lists.put("a")
    lists.put("b", lane=Lane.BULK)
    lists.start("a", until_s=1)
    lists.start("b", until_s=1, lane=Lane.BULK)
    assert sweeper_of(lists).sweep() == 2
    assert (lists.waiting(), lists.waiting(Lane.BULK)) == (["a"], ["b"])


def test_sweepers_beside_rqs_own_cleaners_lose_nothing_and_double_nothing(lists: Lists) -> None:
    """RQ's cleaners read first and write then, so they double what they bring back, among themselves and
    after us. Ours take each entry by an atomic removal: together they bring back none twice, none is lost,
    and what RQ has doubled is for the claim in the database to refuse."""
    job_ids = [f"job-{number:03}" for number in range(200)]
    lists.put(*job_ids)
    for job_id in job_ids:
        lists.start(job_id, until_s=1)
    queue = lists.lanes[Lane.INTERACTIVE]
    registry = StartedJobRegistry(queue=queue, serializer=JSONSerializer)
    ours: list[int] = []

    def sweep() -> None:
        ours.extend(sweeper_of(lists).sweep() for _ in range(3))

    with ThreadPoolExecutor(4) as threads:
        tasks = (sweep, registry.cleanup, sweep, lambda: len(registry))
        for task in [threads.submit(task) for task in tasks]:
            task.result(timeout=30)
    assert lists.started() == []
    assert set(lists.waiting()) == set(job_ids)
    # Two RQ cleaners bring back each entry they read once each; the rest is ours.
    assert sum(ours) <= len(job_ids)
    assert max(Counter(lists.waiting()).values()) <= 3


def test_two_sweepers_bring_each_entry_back_once(lists: Lists) -> None:
    job_ids = [f"job-{number:03}" for number in range(400)]
    lists.put(*job_ids)
    for job_id in job_ids[:200]:
        lists.start(job_id, until_s=1)
    for _ in job_ids[200:]:
        lists.hand_over()
    # Both have seen the hand-overs long ago.
    mark = f"veilgate:handed-over:{lists.lanes[Lane.INTERACTIVE].name}"
    for job_id in job_ids[200:]:
        lists.redis.hset(mark, job_id, "1")
    with ThreadPoolExecutor(2) as threads:
        found = [threads.submit(sweeper_of(lists).sweep) for _ in range(6)]
        assert sum(sweep.result(timeout=30) for sweep in found) == 400
    assert Counter(lists.waiting()) == Counter(job_ids)
    assert lists.nothing_left() is False
    assert (lists.handed_over(), lists.started()) == ([], [])


def test_a_hand_over_comes_back_after_its_time_and_not_before(lists: Lists, clock: Clock) -> None:
    lists.put("a", "b")
    assert lists.hand_over() == "a"
    sweeper = sweeper_of(lists)
    assert sweeper.sweep() == 0
    clock.s += HANDOVER_S - 0.1
    assert sweeper.sweep() == 0
    clock.s += 0.2
    assert sweeper.sweep() == 1
    assert (lists.waiting(), lists.handed_over()) == (["a", "b"], [])


def test_a_hand_over_that_ended_is_forgotten(lists: Lists, clock: Clock) -> None:
    lists.put("a")
    sweeper = sweeper_of(lists)
    lists.hand_over()
    sweeper.sweep()
    queue = lists.lanes[Lane.INTERACTIVE]
    lists.redis.lrem(queue.intermediate_queue_key, 0, "a")
    sweeper.sweep()
    assert not lists.redis.exists(f"veilgate:handed-over:{queue.name}")


def test_a_second_hand_over_of_the_same_job_has_its_own_time(lists: Lists, clock: Clock) -> None:
    """The sweeper need not have looked while the job was in between: claiming it removes the mark."""
    lists.put("a")
    sweeper = sweeper_of(lists)
    lists.hand_over()
    sweeper.sweep()
    queue = lists.lanes[Lane.INTERACTIVE]
    worker = SimpleWorker([queue], name="w", connection=lists.redis, serializer=JSONSerializer)
    books = RqBooks(worker, lease_s=60)
    [taken] = books.claim([(Job.fetch("a", connection=lists.redis, serializer=JSONSerializer), queue)])
    books.give_back(taken)
    clock.s += HANDOVER_S + 1
    assert lists.hand_over() == "a"
    assert sweeper.sweep() == 0, "this hand-over has just begun"
    assert lists.handed_over() == ["a"]
    clock.s += HANDOVER_S + 1
    assert sweeper.sweep() == 1


def test_more_than_one_page_of_overdue_entries_comes_back_in_some_rounds(lists: Lists) -> None:
    job_ids = [f"job-{number:03}" for number in range(250)]
    lists.put(*job_ids)
    for job_id in job_ids:
        lists.start(job_id, until_s=time.time() - 5)
    sweeper = sweeper_of(lists)
    assert [sweeper.sweep() for _ in range(4)] == [100, 100, 50, 0]


def test_ends_that_rq_has_shown_long_enough_are_forgotten(lists: Lists, clock: Clock) -> None:
    registries = [
        registry
        for queue in lists.lanes.values()
        for registry in (queue.finished_job_registry, queue.failed_job_registry)
    ]
    for registry in registries:
        lists.redis.zadd(registry.key, {"old": clock.s - 1, "young": clock.s + 1})
    assert sweeper_of(lists).sweep() == 0
    assert [lists.redis.zrange(registry.key, 0, -1) for registry in registries] == [[b"young"]] * 4
