"""Claims: one holder at a time, told apart by the fence, timed by the database's clock."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.errors import StageFailed
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.records import NewEvent

EVENT = NewEvent("job", "x", "{}")


def writes_of(shelf: Shelf, job_id: str, fence: int) -> list[bool]:
    """Everything a worker may try to write with its fence, and whether it took."""
    error = StageFailed()
    took = []
    with shelf.database.write() as transaction:
        claims = transaction.claims
        took.append(transaction.events.append_fenced(job_id, fence, EVENT))
        took.append(claims.complete(job_id, fence, results="{}", result_key="zombie"))
        took.append(claims.fail(job_id, fence, error, attempts=9))
        took.append(claims.put_back(job_id, fence, attempts=9, delay_ms=0, suspect=True, error=error))
        took.append(claims.extend([(job_id, fence)], lease_ms=10**9) == set())
    return took


def test_of_two_who_claim_only_one_gets_it(shelf: Shelf) -> None:
    job_ids = [f"job-{number:03}" for number in range(200)]
    shelf.add(*job_ids)

    def claim_all(worker: int) -> list[str]:
        # Each thread begins elsewhere, so that all of them meet.
        order = job_ids[worker * 50 :] + job_ids[: worker * 50]
        return [job_id for job_id in order if shelf.claim(job_id, worker=str(worker)) is not None]

    with ThreadPoolExecutor(4) as threads:
        taken = [job_id for mine in threads.map(claim_all, range(4)) for job_id in mine]
    assert sorted(taken) == job_ids
    assert shelf.rows("SELECT DISTINCT status, fence, deliveries, attempts FROM jobs") == [
        {"status": "processing", "fence": 1, "deliveries": 1, "attempts": 0}
    ]


def test_each_claim_draws_a_higher_fence(shelf: Shelf) -> None:
    shelf.add("a")
    fences = []
    for _ in range(3):
        fences.append(shelf.claim("a"))
        shelf.expire("a")
    assert fences == [1, 2, 3]
    assert shelf.job("a")["deliveries"] == 3


def test_a_zombie_writes_nothing(shelf: Shelf) -> None:
    shelf.add("a")
    shelf.claim("a", worker="zombie")
    shelf.expire("a")
    assert shelf.claim("a", worker="winner") == 2
    before = shelf.job("a")
    assert writes_of(shelf, "a", 1) == [False] * 5
    assert shelf.job("a") == before
    assert len(shelf.rows("SELECT seq FROM stage_events")) == 1
    with shelf.database.write() as transaction:
        assert transaction.claims.complete("a", 2, results="{}", result_key="right")
    ended = shelf.job("a")
    assert writes_of(shelf, "a", 2)[:4] == [False] * 4, (
        "an ended job takes no more writes, even by its winner"
    )
    assert shelf.job("a") == ended


def test_a_job_is_not_claimed_before_it_is_due(shelf: Shelf) -> None:
    shelf.add("a")
    fence = shelf.claim("a")
    assert fence is not None
    with shelf.database.write() as transaction:
        transaction.claims.put_back("a", fence, attempts=1, delay_ms=60_000, suspect=False, error=None)
    assert shelf.claim("a") is None
    shelf.change("a", not_before_ms=1)
    assert shelf.claim("a") == 2


def test_a_start_that_does_not_count_is_taken_back(shelf: Shelf) -> None:
    shelf.add("a")
    for fence, counts in ((1, True), (2, False), (3, False), (4, True)):
        assert shelf.claim("a") == fence
        with shelf.database.write() as transaction:
            transaction.events.append_fenced("a", fence, EVENT)
            transaction.claims.put_back(
                "a", fence, attempts=0, delay_ms=0, suspect=False, error=None, delivery_counts=counts
            )
    assert shelf.job("a")["deliveries"] == 2
    with shelf.database.read() as transaction:
        starts = [event.attempt for event in transaction.events.after("a", 1)]
    assert starts == [1, 2, 3, 4], "events are told apart by the start all the same"


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED])
def test_an_ended_job_is_not_claimed(shelf: Shelf, status: JobStatus) -> None:
    shelf.add("a")
    shelf.change("a", status=status, lease_until_ms=1)
    assert shelf.claim("a") is None
    with shelf.database.read() as transaction:
        assert transaction.claims.look_at(["a"]) == []


def test_a_held_job_is_not_claimed(shelf: Shelf) -> None:
    shelf.add("a")
    shelf.claim("a")
    assert shelf.claim("a") is None


def test_silence_in_company_counts_no_attempt_but_makes_suspect(shelf: Shelf) -> None:
    shelf.add("a")
    shelf.claim("a", alone=False)
    shelf.expire("a")
    with shelf.database.read() as transaction:
        assert [job.suspect for job in transaction.claims.look_at(["a"])] == [True]
    assert shelf.claim("a", alone=True) == 2
    job = shelf.job("a")
    assert (job["attempts"], job["suspect"], job["ran_alone"]) == (0, 1, 1)


def test_a_suspect_that_is_put_back_stays_one_until_it_completes(shelf: Shelf) -> None:
    shelf.add("a")
    shelf.change("a", suspect=True)
    for fence in (1, 2):
        shelf.claim("a", alone=True)
        with shelf.database.write() as transaction:
            transaction.claims.put_back("a", fence, attempts=1, delay_ms=0, suspect=False, error=None)
        assert shelf.job("a")["suspect"] == 1
    shelf.claim("a", alone=True)
    with shelf.database.write() as transaction:
        transaction.claims.complete("a", 3, results="{}", result_key="k")
    assert shelf.job("a")["suspect"] == 0


def test_a_death_alone_is_left_to_the_one_who_counts(shelf: Shelf) -> None:
    """A job that ran alone when its process died may have died for the last time: whether it may run again
    is for `LeaseExpiry`, which knows the limits. A work list that is quicker must not give it one more."""
    shelf.add("a")
    shelf.change("a", suspect=True, attempts=2)
    shelf.claim("a", alone=True)
    shelf.expire("a")
    assert shelf.claim("a", alone=True) is None
    with shelf.database.read() as transaction:
        assert transaction.claims.look_at(["a"]) == []
        assert [job.ran_alone for job in transaction.claims.lock_expired(limit=9)] == [True]


def test_looking_keeps_the_order_and_leaves_out_what_is_not_there(shelf: Shelf) -> None:
    shelf.add("b", "a", "c", width=7)
    shelf.claim("c")
    with shelf.database.read() as transaction:
        found = transaction.claims.look_at(["b", "unknown", "c", "a"])
    assert [(job.id, job.pixels, job.suspect) for job in found] == [("b", 70, False), ("a", 70, False)]


def test_extending_tells_what_is_lost(shelf: Shelf) -> None:
    shelf.add("a", "b", "cancelled", "ended")
    shelf.claim("a", lease_ms=1000)
    shelf.claim("b")
    shelf.expire("b")
    shelf.claim("b", worker="other")
    shelf.claim("cancelled")
    shelf.claim("ended")
    with shelf.database.write() as transaction:
        transaction.jobs.cancel("cancelled")
        transaction.claims.complete("ended", 1, results="{}", result_key="ours")
    until_ms = shelf.job("a")["lease_until_ms"]
    held = [(job_id, 1) for job_id in ("a", "b", "cancelled", "ended", "unknown")]
    with shelf.database.write() as transaction:
        assert transaction.claims.extend(held, lease_ms=60_000) == {"b", "cancelled", "unknown"}
    assert shelf.job("a")["lease_until_ms"] >= until_ms + 58_000


@pytest.mark.parametrize("skew_s", [-3600.0, 3600.0])
def test_the_hosts_clock_decides_nothing(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, skew_s: float
) -> None:
    true_time_s = time.time
    monkeypatch.setattr(time, "time", lambda: true_time_s() + skew_s)
    monkeypatch.setattr(time, "time_ns", lambda: int((true_time_s() + skew_s) * 1e9))
    shelf.add("a")
    assert shelf.claim("a", lease_ms=1_800_000) == 1
    assert shelf.claim("a") is None, "half an hour of lease is left, whatever this host believes"
    assert abs(shelf.job("a")["started_at_ms"] - true_time_s() * 1000) < 60_000
    with shelf.database.write() as transaction:
        assert transaction.claims.lock_expired(limit=9) == []
        assert transaction.leases.acquire("x", holder="me", lease_ms=1_800_000)
        assert not transaction.leases.acquire("x", holder="you", lease_ms=1)
        assert transaction.jobs.get("a", owner_id=OWNER) is not None


def test_pages_of_dispatched_jobs_miss_none_and_repeat_none(shelf: Shelf) -> None:
    """Most were marked in the same millisecond."""
    job_ids = [f"job-{number:02}" for number in range(40)]
    shelf.add(*job_ids)
    for number, job_id in enumerate(job_ids):
        shelf.change(job_id, dispatched_at_ms=5 - number // 20, not_before_ms=7 - number // 15)
    found, last = [], None
    while True:
        with shelf.database.read() as transaction:
            page = transaction.jobs.dispatched_but_waiting(until_ms=9, after=last, limit=7)
        if not page:
            break
        found += page
        last = page[-1]
    assert sorted(job.id for job in found) == job_ids
    assert [job.dispatched_at_ms for job in found] == [4] * 20 + [5] * 20
    with shelf.database.read() as transaction:
        assert transaction.jobs.dispatched_but_waiting(until_ms=3, after=None, limit=7) == []
