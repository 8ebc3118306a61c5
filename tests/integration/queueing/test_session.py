"""Sessions of a worker in this process, in RQ's burst mode: until the lists are empty."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from redis.exceptions import OutOfMemoryError
from rq.registry import FailedJobRegistry, FinishedJobRegistry
from rq.serializers import JSONSerializer
from rq.worker.base import BaseWorker

from tests.integration.persistence.databases import Shelf
from tests.integration.queueing.lists import JOB_TIMEOUT_S, Lists
from tests.integration.queueing.stand_in_engine import StandInEngine
from tests.waiting import wait_until
from veilgate.domain.errors import UndecodablePicture
from veilgate.domain.jobs import Lane
from veilgate.persistence.records import ClaimedJob
from veilgate.queueing.session_parts import SessionLimits, SessionParts
from veilgate.queueing.session_worker import SessionWorker
from veilgate.queueing.watchdog import Watchdog
from veilgate.services.jobs.claims import Claims

LEASE_S = 1.0
PIXELS = 10_000
ROOM = SessionLimits(max_jobs=6, max_pixels=PIXELS, lease_s=LEASE_S)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """RQ installs handlers of its own."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


class Turns:
    """Counts the session's turns: a job that lingers stays until the session had two chances to add to it."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1

    def linger(self, _job: ClaimedJob) -> None:
        goal = self.count + 3
        wait_until(lambda: self.count >= goal, timeout_s=20, what="two turns of the session", poll_s=0.005)


def worker_of(
    shelf: Shelf,
    lists: Lists,
    engine: StandInEngine,
    limits: SessionLimits = ROOM,
    announce: Callable[[], None] = lambda: None,
) -> SessionWorker:
    parts = SessionParts(
        family="images",
        claims=Claims(shelf.database, worker="w", lease_s=limits.lease_s),
        engine=engine,
        settlements=engine.settlements,
        lanes=lists.lanes,
        watchdog=Watchdog(timeout_s=JOB_TIMEOUT_S),
        limits=limits,
        announce=announce,
    )
    return SessionWorker(lists.redis, parts, name="w")


def run(
    shelf: Shelf,
    lists: Lists,
    behave: Callable[[ClaimedJob], None] = lambda _job: None,
    limits: SessionLimits = ROOM,
    announce: Callable[[], None] = lambda: None,
) -> StandInEngine:
    engine = StandInEngine(shelf.database, behave)
    worker_of(shelf, lists, engine, limits, announce).work(burst=True, logging_level="WARNING")
    engine.close()
    return engine


def registered(lists: Lists, kind: type[FinishedJobRegistry] | type[FailedJobRegistry]) -> set[str]:
    return set(kind(queue=lists.lanes[Lane.INTERACTIVE], serializer=JSONSerializer).get_job_ids())


def test_every_job_completes_and_rqs_books_are_true(shelf: Shelf, lists: Lists) -> None:
    job_ids = [f"job-{number:02}" for number in range(30)]
    shelf.add(*job_ids)
    lists.put(*job_ids)

    def fail_some(job: ClaimedJob) -> None:
        if job.id.endswith("7"):
            raise UndecodablePicture

    engine = run(shelf, lists, fail_some)
    bad = {job_id for job_id in job_ids if job_id.endswith("7")}
    assert sorted(engine.order) == job_ids, "each once"
    assert {row["id"] for row in shelf.rows("SELECT id FROM jobs WHERE status = 'failed'")} == bad
    assert registered(lists, FinishedJobRegistry) == set(job_ids) - bad
    assert registered(lists, FailedJobRegistry) == bad
    assert lists.nothing_left()
    assert lists.redis.keys("rq:execution*") == []
    assert BaseWorker.all_keys(connection=lists.redis) == []


def test_a_killed_predecessor_of_the_same_name_is_in_nobodys_way(shelf: Shelf, lists: Lists) -> None:
    """A container that starts again has its predecessor's host name, and the process id 1 as well."""
    killed = StandInEngine(shelf.database, lambda _job: None)
    worker_of(shelf, lists, killed).register_birth()
    killed.close()
    shelf.add("job-1")
    lists.put("job-1")
    assert run(shelf, lists).order == ["job-1"]


def test_never_more_jobs_than_places(shelf: Shelf, lists: Lists) -> None:
    job_ids = [f"job-{number:02}" for number in range(40)]
    shelf.add(*job_ids)
    lists.put(*job_ids)
    gate = threading.Barrier(ROOM.max_jobs)
    # Only a full session opens the barrier: it is reached, and never passed.
    engine = run(shelf, lists, lambda job: _meet(gate, job, last="job-36"))
    assert max(len(begun.beside) + 1 for begun in engine.begun) == ROOM.max_jobs


def _meet(gate: threading.Barrier, job: ClaimedJob, *, last: str) -> None:
    if job.id < last:
        gate.wait(20)


def test_never_more_pixels_than_the_budget_but_always_one_picture(shelf: Shelf, lists: Lists) -> None:
    for number, width in enumerate([400, 500, 200, 300, 5000, 100, 100, 900, 100] * 2):
        shelf.add(f"job-{number:02}", width=width)
        lists.put(f"job-{number:02}")
    turns = Turns()
    engine = run(shelf, lists, turns.linger, announce=turns)
    crowded = [begun for begun in engine.begun if begun.beside]
    assert crowded, "pictures that fit together do run together"
    assert all(begun.pixels_in_flight <= PIXELS for begun in crowded)
    alone = {begun.job_id for begun in engine.begun if begun.pixels_in_flight > PIXELS}
    assert alone == {"job-04", "job-13"}
    assert all(not begun.beside & alone for begun in engine.begun)


def test_interactive_jobs_go_first_and_bulk_jobs_every_eighth_time(shelf: Shelf, lists: Lists) -> None:
    quick = [f"quick-{number:02}" for number in range(24)]
    bulk = [f"bulk-{number:02}" for number in range(24)]
    shelf.add(*quick)
    shelf.add(*bulk, lane=Lane.BULK)
    lists.put(*bulk, lane=Lane.BULK)
    lists.put(*quick)
    order = run(shelf, lists, limits=SessionLimits(1, 10_000, LEASE_S)).order
    first = order[:24]
    assert [job_id.startswith("bulk") for job_id in first] == ([False] * 7 + [True]) * 3
    assert [job_id for job_id in order if job_id.startswith("bulk")] == bulk
    assert [job_id for job_id in order if job_id.startswith("quick")] == quick


def test_a_suspect_runs_alone(shelf: Shelf, lists: Lists) -> None:
    job_ids = [f"job-{number:02}" for number in range(20)]
    shelf.add(*job_ids)
    suspects = {"job-00", "job-07", "job-08", "job-19"}
    for job_id in suspects:
        shelf.change(job_id, suspect=True)
    lists.put(*job_ids)
    turns = Turns()
    engine = run(shelf, lists, turns.linger, announce=turns)
    assert sorted(engine.order) == job_ids
    assert any(begun.beside for begun in engine.begun), "the others do run together"
    for begun in engine.begun:
        assert not begun.beside & suspects, f"{begun.job_id} came beside a suspect"
        assert begun.job_id not in suspects or not begun.beside
    assert {row["id"] for row in shelf.rows("SELECT id FROM jobs WHERE ran_alone")} == suspects


def test_jobs_that_are_not_to_be_run_leave_no_trace(shelf: Shelf, lists: Lists) -> None:
    shelf.add("cancelled", "completed", "held", "early", "good")
    lists.put("cancelled", "completed", "held", "early", "unknown", "good")
    shelf.change("cancelled", status="cancelled")
    shelf.change("completed", status="completed")
    shelf.claim("held", worker="another")
    shelf.change("early", not_before_ms=9 * 10**12)
    lists.redis.delete("rq:job:early")
    assert run(shelf, lists).order == ["good"]
    assert lists.nothing_left()
    assert registered(lists, FinishedJobRegistry) == {"good"}
    assert lists.redis.ttl("rq:job:cancelled") > 0, "the record of a dropped entry goes by itself"


def test_an_entry_that_is_there_twice_runs_once(shelf: Shelf, lists: Lists) -> None:
    shelf.add("a", "b")
    lists.put("a", "b")
    lists.redis.rpush(lists.lanes[Lane.INTERACTIVE].key, "a", "b", "a")
    assert sorted(run(shelf, lists).order) == ["a", "b"]
    assert lists.nothing_left()


@pytest.mark.parametrize("how", ["cancelled", "taken over"])
def test_a_job_that_is_lost_is_abandoned_at_the_next_beat(shelf: Shelf, lists: Lists, how: str) -> None:
    shelf.add("lost", "kept")
    lists.put("lost", "kept")
    engine: StandInEngine

    def lose(job: ClaimedJob) -> None:
        if job.id == "kept":
            wait_until(lambda: "lost" in engine.abandoned, timeout_s=20, what="the job to be abandoned")
        elif how == "cancelled":
            with shelf.database.write() as transaction:
                assert transaction.jobs.cancel("lost")
        else:
            shelf.expire("lost")
            shelf.claim("lost", worker="another")
        if job.id == "lost":
            wait_until(lambda: "lost" in engine.abandoned, timeout_s=20, what="the beat")

    engine = StandInEngine(shelf.database, lose)
    worker_of(shelf, lists, engine).work(burst=True, logging_level="WARNING")
    engine.close()
    assert engine.abandoned == ["lost"]
    assert registered(lists, FinishedJobRegistry) == {"kept"}
    assert shelf.job("lost")["status"] == ("cancelled" if how == "cancelled" else "processing")
    assert lists.nothing_left()


def test_leases_are_renewed_as_long_as_the_work_lasts(shelf: Shelf, lists: Lists) -> None:
    shelf.add("long")
    lists.put("long")

    def outlast_the_lease(_job: ClaimedJob) -> None:
        first_ms = shelf.job("long")["lease_until_ms"]
        wait_until(
            lambda: shelf.job("long")["lease_until_ms"] > first_ms + LEASE_S * 1000,
            timeout_s=20,
            what="a lease that ends later than the first one",
        )

    engine = run(shelf, lists, outlast_the_lease)
    assert (engine.order, engine.abandoned) == (["long"], [])
    assert (shelf.job("long")["status"], shelf.job("long")["deliveries"]) == ("completed", 1)


def test_redis_that_forgets_everything_in_mid_session_costs_no_work(shelf: Shelf, lists: Lists) -> None:
    shelf.add("a", "b", "c")
    lists.put("a", "b", "c")

    def forget() -> None:
        lists.redis.flushall()

    gate = threading.Barrier(3, action=forget)
    run(shelf, lists, lambda _job: _pass(gate))
    assert {row["status"] for row in shelf.rows("SELECT status FROM jobs")} == {"completed"}
    assert lists.nothing_left()


def _pass(gate: threading.Barrier) -> None:
    gate.wait(20)


def test_a_job_that_hangs_keeps_no_other_out_where_sessions_have_no_end(
    shelf: Shelf, lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed worker had in hand is even brought back and done meanwhile."""
    monkeypatch.setattr("veilgate.queueing.session_worker._MAINTENANCE_EVERY_S", 0)
    shelf.add("hangs", "orphan", "late")
    lists.put("hangs", "orphan")
    lists.start("orphan", until_s=9e9)
    engine: StandInEngine

    def hang(job: ClaimedJob) -> None:
        if job.id != "hangs":
            return
        lists.start("orphan", until_s=1.0)
        with suppress(AssertionError):  # it ends in any case: the order says whether they came meanwhile
            wait_until(lambda: "orphan" in engine.order, timeout_s=10, what="the orphan to be done")
            lists.put("late")
            wait_until(lambda: "late" in engine.order, timeout_s=10, what="the late one to be done")

    engine = StandInEngine(shelf.database, hang)
    limits = SessionLimits(6, None, LEASE_S, longest_s=None)
    worker_of(shelf, lists, engine, limits).work(burst=True, logging_level="WARNING")
    engine.close()
    assert engine.order == ["hangs", "orphan", "late"]
    assert lists.nothing_left()


def test_a_redis_that_refuses_is_not_asked_without_a_pause(
    shelf: Shelf, lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it is full it still answers PING, so that looking whether it is there is not enough."""
    engine = StandInEngine(shelf.database)
    worker = worker_of(shelf, lists, engine)
    pauses: list[float] = []
    monkeypatch.setattr("veilgate.queueing.session_worker.time.sleep", pauses.append)
    refusals = iter(range(6))

    def refuse() -> None:
        if next(refusals, None) is not None:
            raise OutOfMemoryError("OOM command not allowed when used memory > 'maxmemory'.")

    monkeypatch.setattr(worker, "heartbeat", refuse)
    assert worker.dequeue_job_and_maintain_ttl(None) is None
    engine.close()
    assert len(pauses) == 6
    assert pauses[0] <= 0.2
    assert sum(pauses) >= 0.6


def test_a_full_disk_gives_the_jobs_back(shelf: Shelf, lists: Lists) -> None:
    """The worker must live on: a full disk is no fault of a picture or of the process."""
    shelf.add("a")
    lists.put("a")
    shelf.fill_disk()
    engine = StandInEngine(shelf.database)
    worker = worker_of(shelf, lists, engine)
    assert worker.work(burst=True, max_jobs=1, logging_level="WARNING"), "the session ended by itself"
    engine.close()
    assert (lists.waiting(), lists.handed_over(), lists.started()) == (["a"], [], [])
