"""What Prometheus is told of what is put right, and of what a worker holds."""

import threading
from pathlib import Path

import pytest

from tests.counted import Counted
from tests.integration.persistence.databases import Shelf
from tests.integration.queueing.lists import Lists
from tests.integration.queueing.test_reconciler import POLICY, Makes, dispatch
from tests.integration.queueing.test_session import run
from tests.waiting import happens_within
from veilgate.domain.jobs import Lane
from veilgate.persistence.records import ClaimedJob
from veilgate.telemetry.metrics import REGISTRY

PUT_RIGHT = "veilgate_jobs_put_right_total"
EVERYTHING = ("lease_expired", "lists_lost", "dispatched", "stranded", "taken_back", "forgotten")


def put_right(counted: Counted) -> dict[str, float]:
    return {what: times for what in EVERYTHING if (times := counted(PUT_RIGHT, what=what))}


@pytest.fixture
def make(sqlite_shelf: Shelf, lists: Lists, tmp_path: Path) -> Makes:
    return Makes(sqlite_shelf, lists, tmp_path)


def test_a_round_says_what_it_put_right(sqlite_shelf: Shelf, lists: Lists, make: Makes) -> None:
    shelf, reconciler, counted = sqlite_shelf, make(), Counted()
    lists.redis.set("veilgate:epoch", "known")
    shelf.add("silent", "a", "b", "ended")
    shelf.claim("silent")
    shelf.expire("silent")
    reconciler.round()
    assert put_right(counted) == {"lease_expired": 1, "dispatched": 4}, "the silent one is on a list again"
    lists.redis.lrem(lists.lanes[Lane.INTERACTIVE].key, 0, "a")
    shelf.change("ended", status="completed")
    reconciler = make()
    reconciler.round()
    so_far = {"lease_expired": 1, "dispatched": 4, "stranded": 1, "forgotten": 1}
    assert put_right(counted) == so_far
    lists.redis.flushall()
    reconciler.round()
    assert put_right(counted) == {**so_far, "lists_lost": 3, "dispatched": 7}
    assert counted("veilgate_reconciler_rounds_total") == 3


def test_who_dies_once_too_often_is_a_failure(sqlite_shelf: Shelf, make: Makes) -> None:
    """Nobody else tells of it: the worker that had it is dead."""
    sqlite_shelf.add("a", "b")
    for job_id, attempts in (("a", POLICY.max_attempts - 1), ("b", 0)):
        sqlite_shelf.claim(job_id, alone=True)
        sqlite_shelf.change(job_id, attempts=attempts)
        sqlite_shelf.expire(job_id)
    counted = Counted()
    make().round()
    assert counted("veilgate_job_failures_total", kind="veil", code="worker_died", retried="false") == 1
    assert counted(PUT_RIGHT, what="lease_expired") == 2


def test_what_dead_workers_held_in_redis_is_taken_back(
    sqlite_shelf: Shelf, lists: Lists, make: Makes
) -> None:
    sqlite_shelf.add("a")
    dispatch(sqlite_shelf, lists)
    lists.start("a", until_s=1.0)
    counted = Counted()
    make().round()
    assert put_right(counted).get("taken_back") == 1


def test_a_worker_says_how_many_jobs_it_holds(sqlite_shelf: Shelf, lists: Lists) -> None:
    def in_hand() -> float | None:
        return REGISTRY.get_sample_value("veilgate_jobs_in_hand", {"family": "images"})

    both_were_held = threading.Event()

    def wait_for_the_other(_job: ClaimedJob) -> None:
        if happens_within(lambda: both_were_held.is_set() or in_hand() == 2, 10):
            both_were_held.set()

    sqlite_shelf.add("a", "b")
    lists.put("a", "b")
    run(sqlite_shelf, lists, wait_for_the_other)
    assert both_were_held.is_set()
    assert in_hand() == 0
