"""The reconciler puts right what crashes left behind: each test leaves something behind."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.fixtures.private_redis import StartRedis
from tests.integration.persistence.databases import Shelf
from tests.integration.queueing.lists import Lists
from tests.waiting import wait_until
from veilgate.domain.jobs import Lane
from veilgate.domain.retry import RetryPolicy
from veilgate.queueing.enqueue import dispatch_group
from veilgate.queueing.reconciler import Reconciler, ReconcilerTiming
from veilgate.queueing.sweeper import Sweeper
from veilgate.services.images.housekeeping import Housekeeping
from veilgate.services.jobs.lease_expiry import LeaseExpiry
from veilgate.stop_request import StopRequest
from veilgate.storage.local import LocalObjectStore

POLICY = RetryPolicy(max_attempts=3, max_deliveries=5)
AT_ONCE = ReconcilerTiming(interval_s=0.05, undispatched_after_s=0.0, waiting_after_s=0.0)


class Makes:
    """Reconcilers on one database and one Redis, and what they announced to the gateways."""

    def __init__(self, shelf: Shelf, lists: Lists, folder: Path) -> None:
        self.woken: list[str] = []
        self.objects = folder / "objects"
        self._shelf, self._lists = shelf, lists

    def __call__(self, timing: ReconcilerTiming = AT_ONCE) -> Reconciler:
        database, lists = self._shelf.database, self._lists
        store = LocalObjectStore(self.objects)
        return Reconciler(
            database,
            lists.redis,
            lists.work_list,
            Sweeper(lists.redis, list(lists.lanes.values()), handover_s=10),
            expiry=LeaseExpiry(database, store, policy=POLICY, wake=self._woke),
            housekeeping=Housekeeping(database, store),
            timing=timing,
        )

    def _woke(self, job_ids: Sequence[str]) -> None:
        self.woken.extend(job_ids)


@pytest.fixture
def make(shelf: Shelf, lists: Lists, tmp_path: Path) -> Makes:
    return Makes(shelf, lists, tmp_path)


def dispatch(shelf: Shelf, lists: Lists, limit: int = 999) -> None:
    with shelf.database.read() as transaction:
        due = transaction.jobs.due_for_dispatch(undispatched_for_ms=0, limit=limit)
    dispatch_group(shelf.database, lists.work_list, due)


def test_what_nobody_dispatched_is_dispatched_once(shelf: Shelf, lists: Lists, make: Makes) -> None:
    shelf.add("a")
    shelf.add("b", lane=Lane.BULK)
    reconciler = make()
    reconciler.round()
    reconciler.round()
    assert (lists.waiting(), lists.waiting(Lane.BULK)) == (["a"], ["b"])
    assert shelf.rows("SELECT id FROM jobs WHERE dispatched_at_ms IS NULL") == []


def test_the_gateway_gets_a_moment_to_dispatch_by_itself(shelf: Shelf, lists: Lists, make: Makes) -> None:
    shelf.add("a")
    make(ReconcilerTiming(interval_s=1, undispatched_after_s=60)).round()
    assert lists.waiting() == []


def test_a_job_that_waits_for_its_next_attempt_is_not_dispatched_early(
    shelf: Shelf, lists: Lists, make: Makes
) -> None:
    shelf.add("a")
    shelf.change("a", not_before_ms=9 * 10**12)
    make().round()
    assert lists.waiting() == []


def test_everything_that_waits_is_listed_again_after_redis_lost_its_lists(
    shelf: Shelf, lists: Lists, make: Makes
) -> None:
    job_ids = [f"job-{number:03}" for number in range(60)]
    shelf.add(*job_ids)
    reconciler = make(ReconcilerTiming(interval_s=1, undispatched_after_s=0, waiting_after_s=9999))
    reconciler.round()
    for job_id in job_ids[:10]:
        shelf.claim(job_id)
    shelf.change("job-010", status="completed")
    lists.redis.flushall()
    reconciler.round()
    assert sorted(lists.waiting()) == job_ids[11:], "once each; what runs or has ended stays off the list"
    reconciler.round()
    assert sorted(lists.waiting()) == job_ids[11:]


def test_a_stranded_job_is_listed_again(shelf: Shelf, lists: Lists, make: Makes) -> None:
    shelf.add("listed", "stranded", "held")
    dispatch(shelf, lists)
    lists.start("held", until_s=9e9)
    lists.redis.lrem(lists.lanes[Lane.INTERACTIVE].key, 0, "stranded")
    lists.redis.set("veilgate:epoch", "known")
    make().round()
    assert sorted(lists.waiting()) == ["listed", "stranded"]
    assert lists.started() == ["held"]


def test_a_job_dispatched_just_now_is_not_taken_for_stranded(shelf: Shelf, lists: Lists, make: Makes) -> None:
    shelf.add("a")
    dispatch(shelf, lists)
    lists.redis.lrem(lists.lanes[Lane.INTERACTIVE].key, 0, "a")
    lists.redis.set("veilgate:epoch", "known")
    make(ReconcilerTiming(interval_s=1, undispatched_after_s=0, waiting_after_s=60)).round()
    assert lists.waiting() == []


def test_entries_of_ended_and_unknown_jobs_are_removed(shelf: Shelf, lists: Lists, make: Makes) -> None:
    shelf.add("completed", "cancelled", "failed", "waits", "runs")
    dispatch(shelf, lists)
    lists.put("unknown")
    for status in ("completed", "cancelled", "failed"):
        shelf.change(status, status=status)
    lists.start("completed", until_s=9e9)
    shelf.claim("runs")
    lists.start("runs", until_s=9e9)
    make().round()
    assert lists.work_list.all_listed() == {"waits", "runs"}


def test_an_expired_lease_brings_a_job_back_as_a_suspect(shelf: Shelf, lists: Lists, make: Makes) -> None:
    shelf.add("silent", "held")
    shelf.claim("silent")
    shelf.claim("held")
    shelf.expire("silent")
    make_one = make()
    make_one.round()
    job = shelf.job("silent")
    assert (job["status"], job["suspect"], job["attempts"], job["fence"]) == ("submitted", 1, 0, 1)
    assert lists.waiting() == ["silent"], "and it is on a list within the same round"
    assert make.woken == ["silent"]
    with shelf.database.read() as transaction:
        events = transaction.events.after("silent", 1)
    assert [(event.seq, event.outcome, event.payload) for event in events] == [
        (2, "submitted", '{"lease_expired": true, "attempts": 0}')
    ]
    assert shelf.job("held")["status"] == "processing"


def test_deaths_alone_end_a_job_after_its_attempts(shelf: Shelf, make: Makes) -> None:
    shelf.add("a")
    reconciler, statuses = make(), []
    left = make.objects / "results" / "a" / "1" / "processed.jpg"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"stored by a worker that died before it could say so")
    for _ in range(POLICY.max_attempts):
        shelf.claim("a", alone=True)
        shelf.expire("a")
        reconciler.round()
        statuses.append((shelf.job("a")["status"], shelf.job("a")["attempts"]))
    assert statuses == [("submitted", 1), ("submitted", 2), ("failed", 3)]
    assert shelf.job("a")["error_code"] == "worker_died"
    assert not left.exists()
    with shelf.database.read() as transaction:
        assert transaction.totals.all() == {"failed": 1}


def test_too_many_deliveries_end_a_job_that_was_never_alone(shelf: Shelf, make: Makes) -> None:
    shelf.add("a")
    reconciler = make()
    for _ in range(POLICY.max_deliveries):
        assert shelf.job("a")["status"] == "submitted"
        shelf.claim("a")
        shelf.expire("a")
        reconciler.round()
    job = shelf.job("a")
    assert (job["status"], job["error_code"], job["attempts"]) == ("failed", "too_many_deliveries", 0)


def test_many_expired_leases_are_dealt_with_in_one_round(shelf: Shelf, lists: Lists, make: Makes) -> None:
    job_ids = [f"job-{number:03}" for number in range(450)]
    shelf.add(*job_ids)
    with shelf.database.write() as transaction:
        transaction.connection.execute(text("UPDATE jobs SET status = 'processing', lease_until_ms = 1"))
    make().round()
    assert sorted(lists.waiting()) == job_ids


def test_the_database_is_put_right_while_redis_is_away(
    shelf: Shelf, start_redis: StartRedis, tmp_path: Path
) -> None:
    server = start_redis()
    lists = Lists(server.url)
    server.kill()
    shelf.add("a")
    shelf.claim("a")
    shelf.expire("a")
    reconciler = Makes(shelf, lists, tmp_path)()
    reconciler.round()
    assert shelf.job("a")["status"] == "submitted"
    server.start()
    reconciler.round()
    assert lists.waiting() == ["a"]
    lists.redis.close()


class Running:
    """A reconciler in a thread, and how often it looked."""

    def __init__(self, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rounds = self.looks = 0
        self._stop = threading.Event()
        monkeypatch.setattr(reconciler, "round", self._count)
        self._thread = threading.Thread(target=reconciler.run, args=(self._stop.is_set, self._look))
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def _count(self) -> None:
        self.rounds += 1

    def _look(self) -> None:
        self.looks += 1


def has_grown(running: Running, name: str, by: int) -> Callable[[], bool]:
    goal = getattr(running, name) + by
    return lambda: getattr(running, name) >= goal


def test_of_two_reconcilers_one_leads_and_the_other_follows(
    shelf: Shelf, make: Makes, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = partial(wait_until, timeout_s=10, what="another round")
    first = Running(make(), monkeypatch)
    wait(has_grown(first, "rounds", 1))
    second = Running(make(), monkeypatch)
    wait(has_grown(second, "looks", 4))
    assert second.rounds == 0
    first.end()
    wait(has_grown(second, "rounds", 2))
    second.end()
    assert shelf.rows("SELECT * FROM leader_leases") == []


@pytest.fixture
def stop() -> Iterator[StopRequest]:
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield StopRequest()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_request_to_end_is_heard_in_the_middle_of_a_pause(make: Makes, stop: StopRequest) -> None:
    """Wherever the thread waits: with an event it would hold, just then, the lock that `set` waits for."""
    sent: list[object] = []

    def send_once(_frame: object, what: str, called: object) -> None:
        waits = called is time.sleep or getattr(called, "__name__", "") == "acquire"
        if is_pausing and what == "c_call" and waits and not sent:
            sent.append(called)
            signal.raise_signal(signal.SIGTERM)

    is_pausing: list[bool] = []
    reconciler = make(ReconcilerTiming(interval_s=60))
    reconciler.round = lambda: is_pausing.append(True)  # type: ignore[method-assign]
    began_s = time.monotonic()
    sys.setprofile(send_once)
    try:
        reconciler.run(lambda: stop.asked, lambda: None)
    finally:
        sys.setprofile(None)
    assert sent
    assert time.monotonic() - began_s < 30


def test_a_leader_that_was_killed_is_replaced_when_its_lease_ends(
    shelf: Shelf, make: Makes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shelf.database.write() as transaction:
        assert transaction.leases.acquire("reconciler", holder="killed", lease_ms=60_000)
    successor = Running(make(), monkeypatch)
    wait_until(has_grown(successor, "looks", 3), timeout_s=10, what="some looks")
    assert successor.rounds == 0
    with shelf.database.write() as transaction:
        transaction.connection.execute(text("UPDATE leader_leases SET until_ms = 1"))
    wait_until(has_grown(successor, "rounds", 1), timeout_s=10, what="the successor to lead")
    successor.end()


def test_rounds_of_two_at_once_do_no_harm(shelf: Shelf, lists: Lists, make: Makes) -> None:
    """As when a leader was stopped past its lease and goes on in the middle of a round."""
    job_ids = [f"job-{number:03}" for number in range(80)]
    shelf.add(*job_ids)
    for job_id in job_ids[::2]:
        shelf.claim(job_id)
        shelf.expire(job_id)
    threads = [threading.Thread(target=make().round) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(set(lists.waiting())) == job_ids
    gaps = shelf.rows("SELECT job_id FROM stage_events GROUP BY job_id HAVING max(seq) <> count(*)")
    ends = shelf.rows("SELECT id FROM jobs WHERE event_seq > 2 OR status <> 'submitted'")
    assert (gaps, ends) == ([], [])
