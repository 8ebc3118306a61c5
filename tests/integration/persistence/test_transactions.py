"""Transactions: readers wait for nobody, on SQLite writers wait for each other, and errors are ours.

What only a server does is in test_server_transactions.py."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.errors import DatabaseUnavailable, DiskFull
from veilgate.persistence.engine import open_engine
from veilgate.persistence.unit_of_work import Database


def test_five_writers_all_succeed(sqlite_shelf: Shelf) -> None:
    """Reading first and writing then is what deferred transactions fail at. Each writer has its own object,
    as processes have."""

    def write(number: int) -> None:
        database = Database(open_engine(sqlite_shelf.url))
        for _ in range(200):
            with database.write() as transaction:
                seen = transaction.totals.all().get("shared", 0)
                transaction.totals.add(shared=1, **{f"of{number}": 1})
                assert transaction.totals.all()["shared"] == seen + 1
        database.close()

    with ThreadPoolExecutor(5) as threads:
        list(threads.map(write, range(5)))
    with sqlite_shelf.database.read() as transaction:
        assert transaction.totals.all() == {"shared": 1000, **{f"of{number}": 200 for number in range(5)}}


def test_a_reader_does_not_wait_for_a_writer(shelf: Shelf) -> None:
    shelf.add("a")
    with shelf.database.write() as writing:
        writing.jobs.cancel("a")
        with ThreadPoolExecutor(1) as thread:
            read = thread.submit(lambda: shelf.job("a")["status"])
            assert read.result(timeout=5) == "submitted"
    assert shelf.job("a")["status"] == "cancelled"


def test_a_writer_waits_for_a_writer(sqlite_shelf: Shelf) -> None:
    sqlite_shelf.add("a")
    begun, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with sqlite_shelf.database.write() as transaction:
            transaction.totals.add(first=1)
            begun.set()
            assert may_end.wait(10)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(hold)
        assert begun.wait(10)
        second = threads.submit(sqlite_shelf.claim, "a")
        assert not second.done()
        may_end.set()
        first.result(timeout=10)
        assert second.result(timeout=10) == 1


def test_what_raises_leaves_nothing_behind(shelf: Shelf) -> None:
    shelf.add("a")

    def cancel_and_raise() -> None:
        with shelf.database.write() as transaction:
            transaction.jobs.cancel("a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cancel_and_raise()
    assert shelf.job("a")["status"] == "submitted"
    assert shelf.claim("a") == 1, "and the write lock is free again"


def test_what_a_reader_writes_is_not_kept(shelf: Shelf) -> None:
    shelf.add("a")
    with shelf.database.read() as transaction:
        transaction.jobs.cancel("a")
    assert shelf.job("a")["status"] == "submitted"


def test_foreign_keys_hold(shelf: Shelf) -> None:
    with pytest.raises(IntegrityError), shelf.database.write() as transaction:
        transaction.connection.execute(
            text(
                "INSERT INTO tags (image_id, tag, source, owner_id, count)"
                " VALUES ('none', 'car', 's', 'o', 1)"
            )
        )


def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "veilgate.db").mkdir()
    database = Database(open_engine(f"sqlite:///{tmp_path / 'veilgate.db'}"))
    with pytest.raises(DatabaseUnavailable), database.read() as transaction:
        transaction.now_ms()
    with pytest.raises(DatabaseUnavailable), database.write():
        pass
    database.close()


def test_a_database_that_vanished_is_unavailable(sqlite_shelf: Shelf) -> None:
    sqlite_shelf.close()
    for path in sqlite_shelf.path.parent.glob("veilgate.db*"):
        path.unlink()
    sqlite_shelf.path.mkdir()
    with pytest.raises(DatabaseUnavailable), sqlite_shelf.database.write():
        pass


def test_a_full_disk_is_told_from_an_absent_database(sqlite_shelf: Shelf) -> None:
    with sqlite_shelf.database.write() as transaction:
        pages = transaction.connection.execute(text("PRAGMA page_count")).scalar_one()
        transaction.connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(DiskFull):
        list(map(sqlite_shelf.add, (f"job-{number}" for number in range(1000))))
    with sqlite_shelf.database.read() as transaction:
        assert transaction.jobs.get("job-0", owner_id=OWNER) is not None, "what fitted is there"
