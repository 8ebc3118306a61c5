"""Who holds a de-duplication key, and the quick way to hear that nobody does."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.fixtures.mariadb import RunningMariaDb, StartMariaDb
from tests.integration.persistence.databases import OWNER, Shelf
from tests.waiting import wait_until
from veilgate.domain.jobs import JobStatus, Lane
from veilgate.persistence.dedup_keys import KeyHolder, read_holder


def filled(shelf: Shelf) -> Shelf:
    """With a job "a" that holds the key "k"."""
    shelf.add("a", lane=Lane.BULK)
    shelf.change("a", dedup_key="k")
    return shelf


@pytest.fixture
def own_server(start_mariadb: StartMariaDb) -> RunningMariaDb:
    """One that may be killed."""
    return start_mariadb()


@pytest.fixture
def own_shelf(own_server: RunningMariaDb, tmp_path: Path) -> Iterator[Shelf]:
    shelf = filled(Shelf(own_server.new_database(), tmp_path))
    yield shelf
    shelf.close()


def holder(shelf: Shelf, key: str) -> KeyHolder | None:
    with shelf.database.read() as transaction:
        return read_holder(transaction.connection, key)


def test_the_holder_is_found_as_it_stands(shelf: Shelf) -> None:
    filled(shelf)
    assert holder(shelf, "k") == KeyHolder("a", Lane.BULK, JobStatus.SUBMITTED)
    assert holder(shelf, "other") is None
    shelf.change("a", status="completed", results='{"faces": 1}')
    assert holder(shelf, "k") == KeyHolder("a", Lane.BULK, JobStatus.COMPLETED)


def test_whether_a_key_is_free_takes_no_connection_of_the_pool(shelf: Shelf) -> None:
    keys = filled(shelf).database.dedup_keys
    taken: list[object] = []
    assert keys.is_free("other")
    event.listen(shelf.engine, "checkout", lambda *_: taken.append(1))
    assert [keys.is_free(key) for key in ("k", "other", "k")] == [False, True, False]
    assert taken == []


def test_what_is_committed_is_seen_at_once(shelf: Shelf) -> None:
    keys = filled(shelf).database.dedup_keys
    for key, other in (("k2", "k"), ("k", "k2")) * 3:
        assert (keys.is_free(key), keys.is_free(other)) == (True, False)
        shelf.change("a", dedup_key=key)
        assert (keys.is_free(key), keys.is_free(other)) == (False, True)


def test_many_threads_may_ask(shelf: Shelf) -> None:
    keys = filled(shelf).database.dedup_keys
    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(lambda _: keys.is_free("k"), range(400)))
    assert told == [False] * 400


def test_of_an_sqlite_file_that_was_replaced_the_new_one_is_asked(
    sqlite_shelf: Shelf, migrated_file: Path, tmp_path: Path
) -> None:
    keys = filled(sqlite_shelf).database.dedup_keys
    assert not keys.is_free("k")
    sqlite_shelf.close()
    for left in ("-wal", "-shm"):
        sqlite_shelf.path.with_name(f"{sqlite_shelf.path.name}{left}").unlink()
    shutil.copy(migrated_file, tmp_path / "empty.db")
    (tmp_path / "empty.db").replace(sqlite_shelf.path)
    assert keys.is_free("k")
    sqlite_shelf.path.unlink()
    assert not keys.is_free("k"), "nobody knows"


def test_of_a_killed_connection_the_next_one_is_asked(own_server: RunningMariaDb, own_shelf: Shelf) -> None:
    keys = own_shelf.database.dedup_keys
    assert keys.is_free("other")
    open_ones = "SELECT id FROM information_schema.processlist WHERE user = 'veil'"
    for row in own_server.execute(open_ones):
        own_server.execute(f"KILL {row[0]}")
    wait_until(lambda: not own_server.execute(open_ones), timeout_s=10, what="their end")
    assert [keys.is_free("other") for _ in range(2)] == [False, True], "not known, and known again"


def test_of_a_server_that_is_away_nothing_is_known(own_server: RunningMariaDb, own_shelf: Shelf) -> None:
    keys = own_shelf.database.dedup_keys
    assert keys.is_free("other")
    own_server.kill()
    assert [keys.is_free("other") for _ in range(2)] == [False, False]
    own_server.start()
    assert keys.is_free("other")


def test_jobs_without_a_key_do_not_collide(shelf: Shelf) -> None:
    shelf.add("a", "b", "c")
    assert [row["dedup_key"] for row in shelf.rows("SELECT dedup_key FROM jobs")] == [None] * 3
    with shelf.database.read() as transaction:
        assert transaction.jobs.get("b", owner_id=OWNER)
