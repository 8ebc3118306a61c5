"""Batches, totals, leader leases and idempotency keys."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.persistence.races import WrittenByAnother
from veilgate.persistence.records import NewBatchItem


def put(shelf: Shelf, position: int, job_id: str | None, error_code: str | None = None) -> None:
    with shelf.database.write() as transaction:
        transaction.batches.put(NewBatchItem("batch", position, "a.jpg", None, job_id, error_code))


@pytest.fixture
def batch(shelf: Shelf) -> Shelf:
    with shelf.database.write() as transaction:
        transaction.batches.insert("batch", owner_id=OWNER)
    return shelf


def test_a_place_in_a_batch_is_taken_once(batch: Shelf) -> None:
    batch.add(*(f"job-{number}" for number in range(8)))

    def race(number: int) -> bool:
        try:
            put(batch, 0, f"job-{number}")
        except WrittenByAnother:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(race, range(8))) == 1


def test_a_refused_item_may_be_replaced_but_a_taken_one_not(batch: Shelf) -> None:
    batch.add("a", "b")
    put(batch, 0, None, "not_an_image")
    put(batch, 0, None, "truncated")
    put(batch, 0, "a")
    with pytest.raises(WrittenByAnother):
        put(batch, 0, "b")
    with pytest.raises(WrittenByAnother):
        put(batch, 0, None, "truncated")
    assert [row["job_id"] for row in batch.rows("SELECT job_id FROM batch_items")] == ["a"]


def test_a_batch_counts_what_became_of_it(batch: Shelf) -> None:
    batch.add("a", "b", "c")
    for position, job_id in enumerate("abc"):
        put(batch, position, job_id)
    put(batch, 3, None, "truncated")
    batch.change("b", status="failed", error_code="worker_died")
    with batch.database.read() as transaction:
        counts = transaction.batches.counts("batch")
        items = transaction.batches.items("batch", first=1, limit=9)
        assert transaction.batches.item_at("batch", 4) is None
        assert transaction.batches.belongs_to("batch", owner_id=OWNER)
        assert not transaction.batches.belongs_to("batch", owner_id="somebody-else")
    assert counts == {
        "submitted": 2,
        "processing": 0,
        "completed": 0,
        "failed": 1,
        "cancelled": 0,
        "rejected": 1,
    }
    assert [(item.position, item.status, item.error_code) for item in items] == [
        (1, "failed", "worker_died"),
        (2, "submitted", None),
        (3, None, "truncated"),
    ]


def test_totals_add_up_from_nothing(shelf: Shelf) -> None:
    for amounts in ({"completed": 2, "failed": 0}, {"completed": 3, "retries": 1}):
        with shelf.database.write() as transaction:
            transaction.totals.add(**amounts)
    with shelf.database.read() as transaction:
        assert transaction.totals.all() == {"completed": 5, "retries": 1}


def test_what_is_put_takes_the_place_of_a_total(shelf: Shelf) -> None:
    for values in ({"originals": 2}, {"originals": 2, "original_bytes": 7}, {"originals": 0}):
        with shelf.database.write() as transaction:
            transaction.totals.put(**values)
    with shelf.database.read() as transaction:
        assert transaction.totals.all() == {"originals": 0, "original_bytes": 7}


def acquire(shelf: Shelf, holder: str, lease_ms: int = 60_000) -> bool:
    with shelf.database.write() as transaction:
        return transaction.leases.acquire("leader", holder=holder, lease_ms=lease_ms)


def test_a_lease_has_one_holder(shelf: Shelf) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(lambda number: acquire(shelf, str(number)), range(8))) == 1


def test_a_lease_is_renewed_by_its_holder_and_inherited_when_it_ends(shelf: Shelf) -> None:
    assert acquire(shelf, "a")
    assert acquire(shelf, "a", lease_ms=-1), "renewed, to have run out at once"
    assert acquire(shelf, "b")
    assert not acquire(shelf, "a")


def test_only_the_holder_releases_a_lease(shelf: Shelf) -> None:
    acquire(shelf, "a")
    for holder, free in (("b", False), ("a", True)):
        with shelf.database.write() as transaction:
            transaction.leases.release("leader", holder=holder)
        assert acquire(shelf, "c") is free


def bind(shelf: Shelf, key: str, job_id: str, owner_id: str = OWNER) -> None:
    with shelf.database.write() as transaction:
        transaction.idempotency.insert(key, owner_id=owner_id, fingerprint=f"f-{job_id}", job_id=job_id)


def test_keys_are_compared_byte_for_byte_and_by_owner(shelf: Shelf) -> None:
    bind(shelf, "Key", "a")
    bind(shelf, "key", "b")
    bind(shelf, "key ", "c")
    bind(shelf, "key", "d", owner_id="somebody-else")
    with pytest.raises(WrittenByAnother):
        bind(shelf, "key", "e")
    with shelf.database.read() as transaction:
        found = [transaction.idempotency.get(key, owner_id=OWNER) for key in ("Key", "key", "key ", "KEY")]
    assert [record.job_id if record else None for record in found] == ["a", "b", "c", None]


def test_a_key_is_bound_once_in_a_race(shelf: Shelf) -> None:
    def race(number: int) -> bool:
        try:
            bind(shelf, "key", str(number))
        except WrittenByAnother:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(race, range(8))) == 1


def test_old_keys_are_forgotten(shelf: Shelf) -> None:
    bind(shelf, "old", "a")
    with shelf.database.write() as transaction:
        assert transaction.idempotency.forget_older_than(60_000) == 0
        assert transaction.idempotency.forget_older_than(-1000) == 1
    with shelf.database.read() as transaction:
        assert transaction.idempotency.get("old", owner_id=OWNER) is None
