"""A worker process that is stopped, killed, frozen or hung: its jobs come back, and each ends once."""

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.paths import REPOSITORY_ROOT
from tests.fixtures.private_redis import RunningRedis, StartRedis
from tests.integration.persistence.databases import Shelf
from tests.integration.queueing.lists import Lists
from tests.integration.queueing.test_reconciler import Makes
from tests.waiting import wait_until
from veilgate.queueing.reconciler import Reconciler
from veilgate.queueing.watchdog import EXIT_CODE

LEASE_S = 1.0
FAULTHANDLER_EXIT_CODE = 1


class Workers:
    """Starts worker processes on one database and one Redis; none outlives its test."""

    def __init__(self, shelf: Shelf, redis_url: str, folder: Path) -> None:
        self.gate = folder / "gate"
        self._shelf, self._redis_url = shelf, redis_url
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *, timeout_s: float = 60.0) -> subprocess.Popen[bytes]:
        words = (self._shelf.url, self._redis_url, self.gate, LEASE_S, timeout_s)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.queueing.stand_in_worker", *map(str, words)],
            cwd=REPOSITORY_ROOT,
            stderr=subprocess.DEVNULL,
        )
        self._started.append(process)
        return process

    def is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        return self.gate.with_name(f"gate.{process.pid}").exists()

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.wait(10)


@pytest.fixture
def workers(shelf: Shelf, redis_server: RunningRedis, tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(shelf, redis_server.url, tmp_path)
    yield workers
    workers.close()


@pytest.fixture
def reconciler(shelf: Shelf, lists: Lists, tmp_path: Path) -> Reconciler:
    return Makes(shelf, lists, tmp_path)()


def count(shelf: Shelf, status: str) -> int:
    return len(shelf.rows("SELECT id FROM jobs WHERE status = :status", status=status))


def until_ended(shelf: Shelf, reconciler: Reconciler, jobs: int) -> None:
    def all_ended() -> bool:
        reconciler.round()
        return count(shelf, "submitted") + count(shelf, "processing") == 0

    wait_until(all_ended, timeout_s=40, what=f"{jobs} jobs to end", poll_s=0.1)
    check_events(shelf)


def check_events(shelf: Shelf) -> None:
    """Numbers 1..n, and one end a job."""
    assert shelf.rows("SELECT job_id FROM stage_events GROUP BY job_id HAVING max(seq) <> count(*)") == []
    ends = "SELECT count(*) AS n FROM stage_events WHERE outcome IN ('completed', 'failed') GROUP BY job_id"
    assert {row["n"] for row in shelf.rows(ends)} <= {1}


def working(shelf: Shelf, jobs: int) -> None:
    wait_until(lambda: count(shelf, "processing") == jobs, timeout_s=30, what=f"{jobs} jobs in work")


def end(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(30)


def test_a_request_to_stop_at_any_moment_leaves_nothing_half(
    shelf: Shelf, lists: Lists, workers: Workers
) -> None:
    """Six workers after each other: one idle, one while it takes its first job, four at seeded moments."""
    idle = workers.start()
    wait_until(lambda: workers.is_ready(idle), timeout_s=30, what="a worker")
    assert end(idle) == 0
    job_ids = [f"job-{number:03}" for number in range(400)]
    shelf.add(*job_ids)
    lists.put(*job_ids)
    goals = [0, *sorted(random.Random(7).sample(range(1, 300), 4))]
    for goal in goals:
        process = workers.start()
        wait_until(
            lambda process=process, goal=goal: (  # type: ignore[misc]
                workers.is_ready(process) and count(shelf, "completed") >= goal
            ),
            timeout_s=30,
            what=f"{goal} completed jobs",
            poll_s=0.002,
        )
        assert end(process) == 0
        assert (lists.handed_over(), lists.started()) == ([], [])
        assert count(shelf, "processing") == 0
        waiting = {row["id"] for row in shelf.rows("SELECT id FROM jobs WHERE status = 'submitted'")}
        assert sorted(lists.waiting()) == sorted(waiting), "each is on its list, once"
    assert {
        row["deliveries"] for row in shelf.rows("SELECT deliveries FROM jobs WHERE status <> 'submitted'")
    } == {1}


def test_kill_nine_costs_nothing_but_time(
    shelf: Shelf, lists: Lists, workers: Workers, reconciler: Reconciler
) -> None:
    job_ids = [f"gated-{number}" for number in range(8)]
    shelf.add(*job_ids)
    lists.put(*job_ids)
    victim = workers.start()
    working(shelf, 8)
    victim.kill()
    victim.wait(10)
    workers.gate.touch()
    workers.start()
    until_ended(shelf, reconciler, 8)
    assert shelf.rows("SELECT DISTINCT status, attempts, deliveries FROM jobs") == [
        {"status": "completed", "attempts": 0, "deliveries": 2}
    ]
    wait_until(lists.nothing_left, timeout_s=10, what="empty lists")


def test_a_picture_that_kills_its_worker_fails_alone(
    shelf: Shelf, lists: Lists, workers: Workers, reconciler: Reconciler
) -> None:
    innocents = [f"gated-{number}" for number in range(5)]
    shelf.add(*innocents[:3], "kill-0", *innocents[3:])
    shelf.change("kill-0", attempts=1)  # one of its three attempts is gone, to save time
    lists.put(*innocents[:3], "kill-0", *innocents[3:])
    deaths = 0
    process = workers.start()

    def all_ended() -> bool:
        nonlocal process, deaths
        reconciler.round()
        if process.poll() is not None:
            assert process.returncode == -signal.SIGKILL
            deaths += 1
            workers.gate.touch()
            process = workers.start()
        return count(shelf, "submitted") + count(shelf, "processing") == 0

    wait_until(all_ended, timeout_s=60, what="all jobs to end", poll_s=0.05)
    assert deaths == 3, "once in company, twice alone"
    poison = shelf.job("kill-0")
    assert (poison["status"], poison["error_code"], poison["attempts"]) == ("failed", "worker_died", 3)
    assert shelf.rows("SELECT DISTINCT status, attempts FROM jobs WHERE id <> 'kill-0'") == [
        {"status": "completed", "attempts": 0}
    ]
    check_events(shelf)


@pytest.mark.parametrize(
    "hang",
    [("gil-0", FAULTHANDLER_EXIT_CODE), ("hang-0", EXIT_CODE)],
    ids=["gil", "picture"],
)
def test_a_worker_that_hangs_ends_itself(
    shelf: Shelf, workers: Workers, reconciler: Reconciler, hang: tuple[str, int], lists: Lists
) -> None:
    job_id, exit_code = hang
    shelf.add(job_id)
    lists.put(job_id)
    process = workers.start(timeout_s=1.0)
    assert process.wait(30) == exit_code
    assert shelf.job(job_id)["status"] == "processing"

    def is_back() -> bool:
        reconciler.round()
        return shelf.job(job_id)["status"] == "submitted" and lists.waiting() == [job_id]

    wait_until(is_back, timeout_s=20, what="the job to come back")
    assert shelf.job(job_id)["suspect"] == 1


def test_the_result_of_a_worker_that_was_frozen_is_discarded(
    shelf: Shelf, lists: Lists, workers: Workers, reconciler: Reconciler
) -> None:
    shelf.add("gated-0")
    lists.put("gated-0")
    frozen = workers.start()
    working(shelf, 1)
    frozen.send_signal(signal.SIGSTOP)
    workers.gate.touch()
    workers.start()
    until_ended(shelf, reconciler, 1)
    won = shelf.job("gated-0")
    assert (won["fence"], won["result_key"], won["worker"] != str(frozen.pid)) == (2, "fence-2", True)
    frozen.send_signal(signal.SIGCONT)
    shelf.add("after")
    lists.put("after")
    until_ended(shelf, reconciler, 2)
    assert end(frozen) == 0, "it has let go of its job"
    assert shelf.job("gated-0") == won
    wait_until(lists.nothing_left, timeout_s=10, what="empty lists")


def test_a_worker_outlives_its_redis(shelf: Shelf, start_redis: StartRedis, tmp_path: Path) -> None:
    """Killed in mid-session and empty when it comes back: the work ends in the database all the same."""
    server = start_redis()
    lists, workers = Lists(server.url), Workers(shelf, server.url, tmp_path)
    shelf.add("gated-0", "gated-1", "later")
    lists.put("gated-0", "gated-1")
    process = workers.start()
    working(shelf, 2)
    server.kill()
    workers.gate.touch()
    wait_until(lambda: count(shelf, "completed") == 2, timeout_s=30, what="the work to end")
    server.start()
    lists.put("later")
    wait_until(lambda: count(shelf, "completed") == 3, timeout_s=30, what="the next job")
    assert process.poll() is None
    wait_until(lists.nothing_left, timeout_s=10, what="empty lists")
    assert end(process) == 0
    lists.redis.close()
