"""The audit log: written or refused, newest first, and kept for longer than a year."""

from pathlib import Path

import pytest

from tests.integration.persistence.databases import Shelf
from veilgate.domain.errors import DatabaseUnavailable
from veilgate.services.access.audit import Audit, AuditAction
from veilgate.services.images.housekeeping import Housekeeping
from veilgate.storage.local import LocalObjectStore

DAY_MS = 86_400_000


def write(shelf: Shelf, subject: str, owner_id: str = "alice") -> None:
    Audit(shelf.database).write(
        AuditAction.ORIGINAL_READ, owner_id=owner_id, actor="key:abc", subject=subject
    )


def subjects(shelf: Shelf, *, since_ms: int = 0, limit: int = 100, owner_id: str | None = None) -> list[str]:
    entries = Audit(shelf.database).list(since_ms=since_ms, limit=limit, owner_id=owner_id)
    return [entry.subject for entry in entries]


def make_older(shelf: Shelf, subject: str, by_ms: int) -> None:
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql(
            f"UPDATE audit_log SET at_ms = at_ms - {by_ms} WHERE subject = '{subject}'"  # noqa: S608
        )


def test_an_entry_says_who_did_what_to_whose_and_from_where(shelf: Shelf) -> None:
    with shelf.database.read() as transaction:
        before_ms = transaction.now_ms()
    Audit(shelf.database).write(
        AuditAction.ORIGINAL_READ,
        owner_id="alice",
        actor="key:abc",
        subject="image:1",
        client="2001:db8::1",
        correlation_id="request-1",
    )
    (entry,) = Audit(shelf.database).list(since_ms=before_ms, limit=10)
    assert (entry.action, entry.owner_id, entry.actor) == ("original.read", "alice", "key:abc")
    assert (entry.subject, entry.client, entry.correlation_id) == ("image:1", "2001:db8::1", "request-1")
    assert before_ms <= entry.at_ms < before_ms + 60_000, "the database's time"


def test_the_newest_come_first(shelf: Shelf) -> None:
    for days, subject in enumerate(("today", "yesterday", "before")):
        write(shelf, subject, owner_id="bob" if subject == "yesterday" else "alice")
        make_older(shelf, subject, days * DAY_MS)
    with shelf.database.read() as transaction:
        now_ms = transaction.now_ms()
    assert subjects(shelf) == ["today", "yesterday", "before"]
    assert subjects(shelf, limit=2) == ["today", "yesterday"]
    assert subjects(shelf, since_ms=now_ms - DAY_MS - 60_000) == ["today", "yesterday"]
    assert subjects(shelf, owner_id="alice") == ["today", "before"]
    assert subjects(shelf, owner_id="alice", limit=1, since_ms=now_ms - 60_000) == ["today"]


def test_what_cannot_be_written_is_not_swallowed(shelf: Shelf) -> None:
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("DROP TABLE audit_log")
    with pytest.raises(DatabaseUnavailable):
        write(shelf, "image:1")


def test_it_is_written_with_what_it_is_about_or_neither_is(shelf: Shelf) -> None:
    class Undone(Exception):
        pass

    def delete(subject: str, *, fails: bool) -> None:
        with shelf.database.write() as transaction:
            Audit(shelf.database).write_in(
                transaction, AuditAction.IMAGE_DELETED, owner_id="a", actor="b", subject=subject
            )
            if fails:
                raise Undone

    with pytest.raises(Undone):
        delete("undone", fails=True)
    delete("done", fails=False)
    assert subjects(shelf) == ["done"]


def test_entries_are_kept_for_400_days(shelf: Shelf, tmp_path: Path) -> None:
    for subject, age_ms in (("young", 0), ("old", 399 * DAY_MS), ("gone", 400 * DAY_MS + 1)):
        write(shelf, subject)
        make_older(shelf, subject, age_ms)
    Housekeeping(shelf.database, LocalObjectStore(tmp_path / "objects")).run()
    assert subjects(shelf) == ["young", "old"]
