"""What an operator's commands read: from an index or in pages of one size, whatever has gathered."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from database_models import jobs, processed_images
from tests.integration.persistence.databases import OWNER, Shelf
from tests.integration.persistence.test_query_plans import plan_of
from veilgate.domain.ids import uuid7
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.inventory import Inventory
from veilgate.persistence.job_listing import JobListing
from veilgate.persistence.unit_of_work import Transaction

ENDED, OPEN = 3000, 60
STATES = [*["completed"] * ENDED, *["failed"] * OPEN, *["submitted"] * OPEN, *["processing"] * OPEN]
NOW_MS = int(time.time() * 1000)
DAY_MS = 86_400_000
MADE_MS = [NOW_MS - DAY_MS * (len(STATES) - number) for number in range(len(STATES))]
IDS = [uuid7(unix_ms=made_ms, random=number) for number, made_ms in enumerate(MADE_MS)]


def listing(transaction: Transaction) -> JobListing:
    return JobListing(transaction.connection)


def inventory(transaction: Transaction) -> Inventory:
    return Inventory(transaction.connection)


@pytest.fixture
def old_house(shelf: Shelf) -> Shelf:
    """One job a day, the last ones open."""
    images, rows = [], []
    for job_id, made_ms, status in zip(IDS, MADE_MS, STATES, strict=True):
        common = {"id": job_id, "owner_id": OWNER, "created_at_ms": made_ms, "updated_at_ms": made_ms}
        picture = {"filename": "a", "file_size": 1, "format": "jpeg", "width": 9, "height": 9}
        images.append({**common, **picture, "sha256": "0", "original_key": f"original/{job_id}"})
        state = {"kind": "veil", "lane": "bulk", "status": status, "options": "{}", "not_before_ms": 1}
        lease = {"lease_until_ms": 1 if status == "processing" else None}
        rows.append({**common, **state, **lease, "image_id": job_id, "dispatched_at_ms": made_ms})
    with shelf.database.write() as transaction:
        transaction.connection.execute(processed_images.insert(), images)
        transaction.connection.execute(jobs.insert(), rows)
    if shelf.is_server:
        with shelf.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE TABLE jobs, processed_images, stage_events").all()
    return shelf


def test_nothing_is_sorted_and_no_table_read_through(old_house: Shelf) -> None:
    questions = {
        "newest": lambda t: listing(t).newest(older_than_ms=0, limit=50),
        "failed": lambda t: listing(t).in_status(
            JobStatus.FAILED, older_than_ms=0, limit=50, oldest_first=False
        ),
        "completed": lambda t: listing(t).in_status(
            JobStatus.COMPLETED, older_than_ms=0, limit=50, oldest_first=False
        ),
        "dead letters": lambda t: listing(t).failed_after(None, code="x", limit=50),
        "completed results": lambda t: inventory(t).completed_after(None, limit=50),
        "waiting": lambda t: inventory(t).waiting_after(None, untouched_ms=9, limit=50),
        "originals": lambda t: inventory(t).originals_after(IDS[9], limit=50),
        "pointers": lambda t: inventory(t).pointers_after(IDS[9], limit=50),
        "events": lambda t: inventory(t).event_counts_after(IDS[9], limit=50),
        "leases": lambda t: inventory(t).overdue_leases(overdue_ms=9, after=None, limit=50),
    }
    for name, ask in questions.items():
        plan = plan_of(old_house, ask)
        if name == "pointers":
            assert "ix_jobs_image_id" in str(plan), plan
        if old_house.is_server:
            assert all(row["key"] for row in plan), (name, plan)
            assert not [row for row in plan if "filesort" in (row["Extra"] or "")], (name, plan)
        else:
            ways = [row["detail"] for row in plan]
            assert not [way for way in ways if "TEMP B-TREE FOR ORDER" in way], (name, ways)
            assert not [way for way in ways if way.startswith("SCAN") and "USING" not in way], (name, ways)


@pytest.mark.parametrize("days", [1, 100, 2000])
def test_an_age_finds_the_newest_that_are_so_old(old_house: Shelf, days: int) -> None:
    """Half a day to each side, because time goes on while other tests run."""
    old_enough = [job_id for job_id, made in zip(IDS, MADE_MS, strict=True) if NOW_MS - made > days * DAY_MS]
    older_than_ms = days * DAY_MS + DAY_MS // 2
    with old_house.database.read() as transaction:
        found = listing(transaction).newest(older_than_ms=older_than_ms, limit=5)
        completed = listing(transaction).in_status(
            JobStatus.COMPLETED, older_than_ms=older_than_ms, limit=5, oldest_first=False
        )
    assert [job.id for job in found] == old_enough[::-1][:5]
    assert [job.id for job in completed] == [one for one in old_enough[::-1] if IDS.index(one) < ENDED][:5]


def test_nothing_is_that_old(old_house: Shelf) -> None:
    with old_house.database.read() as transaction:
        assert listing(transaction).newest(older_than_ms=DAY_MS * 10_000, limit=5) == []
        for status in JobStatus:
            found = listing(transaction).in_status(
                status, older_than_ms=DAY_MS * 10_000, limit=5, oldest_first=True
            )
            assert found == []


def test_pages_hold_each_row_once(old_house: Shelf) -> None:
    def walk(next_page: Callable[[Any], Sequence[Any]]) -> list[Any]:
        found: list[Any] = []
        while page := next_page(found[-1] if found else None):
            found += page
        return found

    def place(last: Any) -> Any:
        return last.place if last else None

    with old_house.database.read() as transaction:
        rows, letters = inventory(transaction), listing(transaction)
        completed = walk(lambda last: rows.completed_after(place(last), limit=700))
        dead = walk(lambda last: letters.failed_after(place(last), code=None, limit=7))
        waiting = walk(lambda last: rows.waiting_after(place(last), untouched_ms=0, limit=7))
        leases = walk(lambda last: rows.overdue_leases(overdue_ms=0, after=last, limit=7))
    assert [job.id for job in completed] == IDS[:ENDED]
    assert [job.id for job in dead] == IDS[ENDED : ENDED + OPEN]
    assert [job.id for job in waiting] == IDS[ENDED + OPEN : ENDED + 2 * OPEN]
    assert [job.job_id for job in leases] == IDS[ENDED + 2 * OPEN :]
