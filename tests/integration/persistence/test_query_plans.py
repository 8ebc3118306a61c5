"""What is asked often is answered from an index: its cost does not grow with the jobs that have ended."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from database_models import jobs, processed_images
from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.persistence.dedup_keys import read_holder, release_keys
from veilgate.persistence.house_counts import dead_jobs, running_jobs
from veilgate.persistence.unit_of_work import Transaction
from veilgate.persistence.work_in_demand import families_in_demand

ENDED, WAITING, RUNNING = 3000, 60, 40
STATES = [*["completed"] * ENDED, *["submitted"] * WAITING, *["processing"] * RUNNING]
WAITING_IDS = [f"job-{number:05}" for number in range(ENDED, ENDED + WAITING)]

Question = Callable[[Transaction], object]
# Name -> what is asked, and the index that answers it ("" = the primary key).
BY_STATUS = "ix_jobs_status_"
QUESTIONS: dict[str, tuple[Question, str]] = {
    "status": (lambda t: t.jobs.get("job-00007", owner_id=OWNER), ""),
    "claim": (lambda t: t.claims.claim(WAITING_IDS[0], worker="w", lease_ms=9, alone=False), ""),
    "look_at": (lambda t: t.claims.look_at(WAITING_IDS[:16]), ""),
    "read_holder": (lambda t: read_holder(t.connection, "key-7"), "ix_jobs_dedup_key"),
    "release_keys": (lambda t: release_keys(t.connection, ["key-7"]), "ix_jobs_dedup_key"),
    "supersede": (lambda t: t.jobs.supersede_those_of("job-00007"), "ix_jobs_image_id"),
    "mark_dispatched": (lambda t: t.jobs.mark_dispatched(WAITING_IDS[:2]), ""),
    "due_for_dispatch": (lambda t: t.jobs.due_for_dispatch(undispatched_for_ms=0, limit=500), BY_STATUS),
    "dispatched_but_waiting": (
        lambda t: t.jobs.dispatched_but_waiting(until_ms=9, after=None, limit=500),
        BY_STATUS,
    ),
    "expired": (lambda t: t.claims.lock_expired(limit=200), "ix_jobs_status_lease_until_ms"),
    "count_open": (lambda t: t.jobs.count_open(), BY_STATUS),
    "waiting_line": (lambda t: t.jobs.waiting_line(at_most=1000, overdue_after_ms=9), BY_STATUS),
    "waiting_by_lane": (lambda t: t.jobs.waiting_by_lane(), BY_STATUS),
    "wanted_lookups": (lambda t: t.lookups.take_wanted_by(WAITING_IDS[:16]), ""),
    "overdue_lookups": (lambda t: families_in_demand(t.connection, overdue_after_ms=9), BY_STATUS),
    "running_jobs": (lambda t: running_jobs(t.connection), BY_STATUS),
    "dead_jobs": (lambda t: dead_jobs(t.connection), BY_STATUS),
    "forget_dispatches": (lambda t: t.jobs.forget_dispatches(), BY_STATUS),
}


@pytest.fixture
def full_shelf(shelf: Shelf) -> Shelf:
    images, rows = [], []
    for number, status in enumerate(STATES):
        times = {"created_at_ms": 1, "updated_at_ms": 1}
        common = {"id": f"job-{number:05}", "owner_id": OWNER, **times}
        picture = {"filename": "a", "file_size": 1, "format": "jpeg", "width": 9, "height": 9}
        images.append({**common, **picture, "sha256": "0", "original_key": "k"})
        state = {"kind": "veil", "lane": "bulk", "status": status, "options": "{}", "not_before_ms": 1}
        lease = {"lease_until_ms": 1 if status == "processing" else None}
        rows.append({**common, **state, **lease, "image_id": common["id"], "dedup_key": f"key-{number}"})
    with shelf.database.write() as transaction:
        transaction.connection.execute(processed_images.insert(), images)
        transaction.connection.execute(jobs.insert(), rows)
    if shelf.is_server:
        # SQLite, which never analyses by itself, is left as it is in use.
        with shelf.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE TABLE jobs").all()
    return shelf


def plan_of(shelf: Shelf, ask: Question) -> list[dict[str, Any]]:
    """How the database answers the first statement of a question."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_more: object) -> None:
        asked.append((statement, values))

    event.listen(shelf.engine, "before_cursor_execute", note)
    with shelf.database.write() as transaction:
        asked.clear()
        ask(transaction)
    event.remove(shelf.engine, "before_cursor_execute", note)
    statement, values = next(pair for pair in asked if not pair[0].startswith("BEGIN"))
    explain = "EXPLAIN" if shelf.is_server else "EXPLAIN QUERY PLAN"
    with shelf.engine.connect() as connection:
        return [dict(row) for row in connection.exec_driver_sql(f"{explain} {statement}", values).mappings()]


def test_each_is_answered_from_its_index(full_shelf: Shelf) -> None:
    for name, (ask, index) in QUESTIONS.items():
        plan = plan_of(full_shelf, ask)
        if full_shelf.is_server:
            used = [row["key"] or "" for row in plan if row["table"] == "jobs"]
            primary = "PRIMARY"
        else:
            used = [row["detail"] for row in plan if " jobs" in row["detail"]]
            primary = "sqlite_autoindex_jobs_1"
            assert not [detail for detail in used if detail.startswith("SCAN")], name
        assert used, name
        assert all((index or primary) in way for way in used), (name, plan)


def test_what_is_counted_all_the_time_is_counted_in_the_index(full_shelf: Shelf) -> None:
    """No row is read for it, of those that wait neither: 100,000 may."""
    for name in ("waiting_by_lane", "running_jobs", "dead_jobs"):
        plan = plan_of(full_shelf, QUESTIONS[name][0])
        if full_shelf.is_server:
            assert [row for row in plan if row["table"] == "jobs" and "Using index" in row["Extra"]], plan
        else:
            assert [row for row in plan if "jobs USING COVERING INDEX" in row["detail"]], plan
