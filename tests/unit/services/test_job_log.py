"""What the log says of jobs that nobody ends in the ordinary way."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobKind, Lane
from veilgate.domain.retry import RetryPolicy
from veilgate.persistence.records import NewJob
from veilgate.queueing.enqueue import dispatch_group
from veilgate.services.jobs.claims import Claims, Release
from veilgate.services.jobs.job_control import JobControl
from veilgate.services.jobs.lease_expiry import LeaseExpiry
from veilgate.storage.local import LocalObjectStore

POLICY = RetryPolicy(max_attempts=2, max_deliveries=12)


class Lists:
    """A work list that takes everything."""

    def put_all(self, job_ids: list[str], _kind: JobKind, _lane: Lane) -> list[str]:
        return job_ids


@pytest.fixture
def job_id(sqlite_shelf: Shelf) -> str:
    """A job of the request `order-17`."""
    job_id = new_id()
    sqlite_shelf.add("image")
    with sqlite_shelf.database.write() as transaction:
        transaction.jobs.insert(
            NewJob(job_id, OWNER, "image", JobKind.VEIL, Lane.BULK, "{}", correlation_id="order-17")
        )
    sqlite_shelf.change("image", status="completed")
    return job_id


def said(logs: list[Any]) -> list[tuple[str, str, str]]:
    return [(line["event"], line["job_id"], line.get("correlation_id", "-")) for line in logs]


def test_what_the_reconciler_dispatches_carries_the_request(sqlite_shelf: Shelf, job_id: str) -> None:
    with sqlite_shelf.database.read() as transaction:
        due = transaction.jobs.due_for_dispatch(undispatched_for_ms=0, limit=9)
    with capture_logs() as logs:
        assert dispatch_group(sqlite_shelf.database, Lists(), due) == 1  # type: ignore[arg-type]
    assert said(logs) == [("job.dispatched", job_id, "order-17")]


def test_a_lease_that_ran_out_says_where_the_job_stands(sqlite_shelf: Shelf, job_id: str) -> None:
    store = LocalObjectStore(sqlite_shelf.folder / "objects")
    expiry = LeaseExpiry(sqlite_shelf.database, store, policy=POLICY, wake=lambda _job_ids: None)
    with capture_logs() as logs:
        for _ in range(2):
            sqlite_shelf.claim(job_id, alone=True)
            sqlite_shelf.expire(job_id)
            expiry.expire()
    expired = [line for line in logs if line["event"] == "job.lease_expired"]
    assert said(expired) == [("job.lease_expired", job_id, "order-17")] * 2
    assert [(line["attempt"], line["status"]) for line in expired] == [(1, "submitted"), (2, "failed")]


def test_claimed_and_given_back(sqlite_shelf: Shelf, job_id: str) -> None:
    claims = Claims(sqlite_shelf.database, worker="w", lease_s=60)
    with capture_logs() as logs:
        claims.release(claims.claim([job_id], alone=False), Release.STOPPED)
    assert said(logs) == [("job.claimed", job_id, "order-17"), ("job.released", job_id, "order-17")]
    assert (logs[0]["image_id"], logs[0]["attempt"], logs[1]["why"]) == ("image", 1, "stopped")


def test_what_people_do_to_jobs(sqlite_shelf: Shelf, job_id: str) -> None:
    control = JobControl(sqlite_shelf.database)
    with capture_logs() as logs:
        for change in (control.cancel, control.retry):
            change(job_id, OWNER)
            change(job_id, OWNER)  # which changes nothing
    assert said(logs) == [("job.cancelled", job_id, "-"), ("job.retried", job_id, "-")]
