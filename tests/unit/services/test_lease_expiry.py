"""What is deleted of a job whose worker fell silent, and what is not."""

from collections.abc import Sequence

import pytest

from tests.integration.persistence.databases import Shelf
from veilgate.domain.errors import ObjectStoreUnavailable
from veilgate.domain.retry import RetryPolicy
from veilgate.persistence.unit_of_work import Database
from veilgate.services.engines.superseded_files import drop_superseded
from veilgate.services.jobs.claims import Claims, Release
from veilgate.services.jobs.lease_expiry import LeaseExpiry
from veilgate.storage.local import LocalObjectStore

POLICY = RetryPolicy(max_attempts=1, max_deliveries=12)


@pytest.fixture
def store(shelf: Shelf) -> LocalObjectStore:
    return LocalObjectStore(shelf.folder / "objects")


def store_result(store: LocalObjectStore, job_id: str, fence: int) -> str:
    key = f"results/{job_id}/{fence}/processed.jpg"
    store.put(key, b"x", media_type="image/jpeg")
    return key


def expire_alone(shelf: Shelf, job_id: str) -> None:
    shelf.claim(job_id, alone=True)
    shelf.expire(job_id)


def test_a_job_that_failed_and_was_retried_meanwhile_keeps_its_result(
    shelf: Shelf, store: LocalObjectStore
) -> None:
    """Between the end of the transaction and the deletion anything may happen."""
    shelf.add("a")
    expire_alone(shelf, "a")
    store_result(store, "a", 1)
    good = []

    def retry_and_complete(_job_ids: Sequence[str]) -> None:
        assert shelf.job("a")["status"] == "failed"
        with shelf.database.write() as transaction:
            assert transaction.jobs.submit_again("a")
        assert shelf.claim("a") == 2
        good.append(store_result(store, "a", 2))
        with shelf.database.write() as transaction:
            assert transaction.claims.complete("a", 2, results="{}", result_key="results/a/2/")

    assert LeaseExpiry(shelf.database, store, policy=POLICY, wake=retry_and_complete).expire() == 1
    assert sorted(store.list("results/")) == good


def test_of_a_job_that_failed_nothing_is_left_of_any_start(shelf: Shelf, store: LocalObjectStore) -> None:
    shelf.add("a", "b")
    shelf.change("a", fence=11)
    expire_alone(shelf, "a")
    for fence in (1, 11, 12):
        store_result(store, "a", fence)
    of_another = store_result(store, "b", 1)
    assert LeaseExpiry(shelf.database, store, policy=POLICY, wake=lambda _job_ids: None).expire() == 1
    assert list(store.list("results/")) == [of_another]


def test_what_the_row_points_to_is_never_deleted(shelf: Shelf, store: LocalObjectStore) -> None:
    shelf.add("a")
    kept = store_result(store, "a", 2)
    for fence in (1, 3):
        store_result(store, "a", fence)
    shelf.change("a", status="completed", fence=2, result_key="results/a/2/")
    drop_superseded(shelf.database, store, job_id="a", fence=3)
    assert list(store.list("results/")) == [kept]


def test_a_store_that_is_away_ends_no_round(shelf: Shelf) -> None:
    class Away(LocalObjectStore):
        def delete(self, keys: Sequence[str]) -> None:  # noqa: ARG002 - the signature is given
            raise ObjectStoreUnavailable

    shelf.add("a")
    expire_alone(shelf, "a")
    store = Away(shelf.folder / "objects")
    assert LeaseExpiry(shelf.database, store, policy=POLICY, wake=lambda _job_ids: None).expire() == 1
    assert shelf.job("a")["error_code"] == "worker_died"


def test_an_outage_does_not_make_the_next_crash_the_last(shelf: Shelf, store: LocalObjectStore) -> None:
    shelf.add("a")
    for fence in range(1, POLICY.max_deliveries + 5):
        assert shelf.claim("a") == fence
        put_back_at_no_cost(shelf.database, fence)
    shelf.claim("a")
    shelf.expire("a")
    LeaseExpiry(shelf.database, store, policy=POLICY, wake=lambda _job_ids: None).expire()
    assert shelf.job("a")["status"] == "submitted"


def put_back_at_no_cost(database: Database, fence: int) -> None:
    with database.write() as transaction:
        transaction.claims.put_back(
            "a", fence, attempts=0, delay_ms=0, suspect=False, error=None, delivery_counts=False
        )


def test_a_picture_that_breaks_every_device_comes_to_an_end(shelf: Shelf, store: LocalObjectStore) -> None:
    """Though a lost device is nobody's fault: its worker lets go of it until that was too often."""
    shelf.add("a")
    claims = Claims(shelf.database, worker="w", lease_s=60)
    expiry = LeaseExpiry(shelf.database, store, policy=POLICY, wake=lambda _job_ids: None)
    starts = 0
    while shelf.job("a")["status"] != "failed":
        starts += 1
        assert starts <= POLICY.max_deliveries
        claimed = claims.claim(["a"], alone=bool(shelf.job("a")["suspect"]))
        claims.release(claimed, Release.DEVICE_LOST)
        shelf.change("a", lease_until_ms=1)
        expiry.expire()
    assert (starts, shelf.job("a")["error_code"]) == (10, "worker_died")
