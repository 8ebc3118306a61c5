"""Reading a status at once: never waiting, never from a file that is no longer ours, and the same row."""

import shutil
import sqlite3
from pathlib import Path

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.persistence.status_rows import InstantStatusRows, read_status


def test_both_ways_read_the_same_row(shelf: Shelf, sqlite_shelf: Shelf) -> None:
    for each in {id(shelf): shelf, id(sqlite_shelf): sqlite_shelf}.values():
        each.add("a")
        each.change("a", results='{"x": "é"}', status="completed", error_code="c", error_message="m")
        with each.database.read() as transaction:
            row = read_status(transaction.connection, "a", OWNER)
        assert row
        assert (row.job_id, row.filename, row.results, row.error_message) == ("a", "a.jpg", '{"x": "é"}', "m")
        instant = each.database.instant_status_rows()
        assert (instant is None) == each.is_server
        if instant:
            assert instant.read("a", OWNER) == row


def test_others_and_strangers_see_nothing(sqlite_shelf: Shelf) -> None:
    sqlite_shelf.add("a")
    rows = InstantStatusRows(sqlite_shelf.engine)
    assert rows.read("a", "somebody-else") is None
    assert rows.read("b", OWNER) is None


def test_what_was_just_written_is_seen(sqlite_shelf: Shelf) -> None:
    sqlite_shelf.add("a")
    rows = InstantStatusRows(sqlite_shelf.engine)
    assert rows.read("a", OWNER)
    sqlite_shelf.change("a", status="failed")
    found = rows.read("a", OWNER)
    assert found
    assert found.status == "failed"


def test_a_writer_holds_nobody_up(sqlite_shelf: Shelf) -> None:
    sqlite_shelf.add("a")
    rows = InstantStatusRows(sqlite_shelf.engine)
    with sqlite_shelf.database.write() as transaction:
        transaction.jobs.mark_dispatched(["a"])
        assert rows.read("a", OWNER)


def test_a_locked_database_is_left_to_the_usual_way_at_once(sqlite_shelf: Shelf) -> None:
    """As while it is being recovered; waiting here would hold up every other caller."""
    sqlite_shelf.add("a")
    sqlite_shelf.engine.dispose()
    with sqlite3.connect(sqlite_shelf.path, isolation_level=None) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert InstantStatusRows(sqlite_shelf.engine).read("a", OWNER) is None
        other.execute("ROLLBACK")
    other.close()


def test_a_file_that_was_replaced_is_opened_anew(sqlite_shelf: Shelf, tmp_path: Path) -> None:
    sqlite_shelf.add("a")
    rows = InstantStatusRows(sqlite_shelf.engine)
    assert rows.read("a", OWNER)
    sqlite_shelf.engine.dispose()
    copy = tmp_path / "copy.db"
    with sqlite3.connect(sqlite_shelf.path) as source, sqlite3.connect(copy) as target:
        source.backup(target)
        target.execute("UPDATE jobs SET status = 'failed'")
    source.close()
    target.close()
    for name in ("-wal", "-shm"):
        Path(f"{sqlite_shelf.path}{name}").unlink(missing_ok=True)
    shutil.move(copy, sqlite_shelf.path)
    found = rows.read("a", OWNER)
    assert found
    assert found.status == "failed"


def test_a_file_that_is_gone_is_left_to_the_usual_way(sqlite_shelf: Shelf) -> None:
    sqlite_shelf.add("a")
    rows = InstantStatusRows(sqlite_shelf.engine)
    assert rows.read("a", OWNER)
    sqlite_shelf.path.unlink()
    assert rows.read("a", OWNER) is None
    assert not sqlite_shelf.path.exists(), "reading makes no empty database"
