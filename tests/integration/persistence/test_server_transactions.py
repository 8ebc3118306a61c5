"""Transactions on a server: many writers at once, deadlocks, lost connections, and what a session sets."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DataError

from tests.fixtures.mariadb import RunningMariaDb
from tests.integration.persistence.databases import OWNER, Shelf
from tests.waiting import wait_until
from veilgate.domain.errors import DatabaseUnavailable, DiskFull
from veilgate.domain.ids import new_id
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.driver_errors import is_deadlock
from veilgate.persistence.engine import PATIENCE_S, open_engine
from veilgate.persistence.records import NewEvent
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.jobs.claims import Claims
from veilgate.services.jobs.job_control import JobControl


@pytest.fixture
def shelf(mariadb_shelf: Shelf) -> Shelf:
    return mariadb_shelf


class Crossing:
    """Two transactions that take the same two rows in opposite order, and meet in the middle."""

    def __init__(self, shelf: Shelf) -> None:
        self.begun = {"a": 0, "b": 0}
        self._shelf = shelf
        self._both_hold_one = threading.Barrier(2)

    def cross(self, first: str, second: str) -> None:
        with self._shelf.database.write() as transaction:
            self.begun[first] += 1
            self._touch(transaction, first)
            if self.begun[first] == 1:
                self._both_hold_one.wait(10)
            self._touch(transaction, second)

    @staticmethod
    def _touch(transaction: Transaction, job_id: str) -> None:
        transaction.events.append(job_id, NewEvent("s", "x", "{}"))


def test_of_two_that_wait_for_each_other_one_is_told_so(shelf: Shelf) -> None:
    shelf.add("a", "b")
    crossing = Crossing(shelf)
    with ThreadPoolExecutor(2) as threads:
        ends = [threads.submit(crossing.cross, *order) for order in (("a", "b"), ("b", "a"))]
        errors = [end.exception(timeout=30) for end in ends]
    [victim] = [error for error in errors if error]
    assert isinstance(victim, DatabaseUnavailable)
    assert is_deadlock(victim)
    assert [shelf.job(job_id)["event_seq"] for job_id in "ab"] == [2, 2]


def test_a_deadlock_is_tried_again_and_both_get_through(shelf: Shelf) -> None:
    shelf.add("a", "b")
    crossing = Crossing(shelf)
    patient = again_after_deadlock(crossing.cross)
    with ThreadPoolExecutor(2) as threads:
        ends = [threads.submit(patient, *order) for order in (("a", "b"), ("b", "a"))]
        for end in ends:
            end.result(timeout=30)
    assert sum(crossing.begun.values()) == 3, "there was a deadlock, and its victim came again"
    assert [shelf.job(job_id)["event_seq"] for job_id in "ab"] == [3, 3]
    assert shelf.rows("SELECT job_id FROM stage_events GROUP BY job_id HAVING max(seq) <> count(*)") == []


def test_claims_in_opposite_order_all_get_through(shelf: Shelf) -> None:
    """Workers whose groups overlap: without another try, one of two would find the database away."""
    job_ids = [f"job-{number:02}" for number in range(40)]
    shelf.add(*job_ids)
    start = threading.Barrier(4)

    def claim(worker: int) -> list[str]:
        claims = Claims(shelf.database, worker=str(worker), lease_s=60)
        start.wait(10)
        return [job.id for job in claims.claim(job_ids if worker % 2 else job_ids[::-1], alone=False)]

    with ThreadPoolExecutor(4) as threads:
        taken = [job_id for mine in threads.map(claim, range(4)) for job_id in mine]
    assert sorted(taken) == job_ids


def test_a_row_that_stays_locked_is_soon_said_to_be_busy(shelf: Shelf) -> None:
    shelf.add("a")
    claims = Claims(shelf.database, worker="w", lease_s=60)
    with shelf.database.write() as holder:
        holder.jobs.mark_dispatched(["a"])
        began_s = time.monotonic()
        with pytest.raises(DatabaseUnavailable, match="busy"):
            claims.claim(["a"], alone=False)
        assert 2 < time.monotonic() - began_s < PATIENCE_S + 3, "tried again, but not for ever"
    assert [job.id for job in claims.claim(["a"], alone=False)] == ["a"]


def test_a_row_held_by_somebody_who_froze_is_soon_free(shelf: Shelf) -> None:
    shelf.add("a")
    engine = open_engine(shelf.url, idle_transaction_s=1)
    frozen = Database(engine)
    with pytest.raises(DatabaseUnavailable), frozen.write() as transaction:  # noqa: PT012 - within it
        transaction.events.append("a", NewEvent("s", "frozen", "{}"))

        def is_free() -> bool:
            try:
                with shelf.database.write() as other:
                    other.events.append("a", NewEvent("s", "other", "{}"))
            except DatabaseUnavailable:
                return False
            return True

        wait_until(is_free, timeout_s=10, what="the row to be free")
        transaction.events.append("a", NewEvent("s", "frozen", "{}"))
    engine.dispose()
    with shelf.database.read() as transaction:
        assert [event.outcome for event in transaction.events.after("a", 1)] == ["other"]


def test_of_eight_who_claim_one_job_one_gets_it(shelf: Shelf) -> None:
    for number in range(5):
        shelf.add(f"job-{number}")
        start = threading.Barrier(8)

        def claim(worker: int, job_id: str = f"job-{number}", start: threading.Barrier = start) -> int | None:
            start.wait(10)
            return shelf.claim(job_id, worker=str(worker))

        with ThreadPoolExecutor(8) as threads:
            fences = list(threads.map(claim, range(8)))
        assert sorted(fences, key=str) == [1, *[None] * 7]


def test_of_many_who_cancel_at_once_all_hear_that_it_is_cancelled(shelf: Shelf) -> None:
    job_id = new_id()
    shelf.add(job_id)
    start = threading.Barrier(8)

    def cancel(_number: int) -> str:
        start.wait(10)
        return JobControl(shelf.database).cancel(job_id, OWNER).status

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(cancel, range(8))) == ["cancelled"] * 8
    with shelf.database.read() as transaction:
        assert transaction.totals.all() == {"cancelled": 1}
        assert len(transaction.events.after(job_id, 0)) == 2


def test_totals_of_many_writers_add_up(shelf: Shelf) -> None:
    """From nothing: the first of them race to make the rows."""
    start = threading.Barrier(8)

    @again_after_deadlock
    def add_once(writer: int) -> None:
        with shelf.database.write() as transaction:
            transaction.totals.add(completed=1, faces_veiled=2, **{f"of{writer % 2}": 1})

    def add(writer: int) -> None:
        start.wait(10)
        for _ in range(25):
            add_once(writer)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(8)))
    with shelf.database.read() as transaction:
        assert transaction.totals.all() == {"completed": 200, "faces_veiled": 400, "of0": 100, "of1": 100}


def test_expired_leases_that_somebody_holds_are_left_to_him(shelf: Shelf) -> None:
    shelf.add("a", "b")
    for job_id in "ab":
        shelf.claim(job_id)
        shelf.expire(job_id)
    with shelf.database.write() as worker:
        worker.claims.extend([("a", 1)], lease_ms=60_000)
        began_s = time.monotonic()
        with shelf.database.write() as reconciler:
            assert [job.id for job in reconciler.claims.lock_expired(limit=9)] == ["b"]
        assert time.monotonic() - began_s < 1, "nobody waited"


@pytest.fixture
def small(mariadb_shelf: Shelf) -> Iterator[Database]:
    """A database with two connections."""
    database = Database(open_engine(mariadb_shelf.url, pool_size=2))
    yield database
    database.close()


def test_when_all_connections_are_taken_the_next_caller_hears_so(shelf: Shelf, small: Database) -> None:
    shelf.add("a")
    with small.read(), small.read():
        began_s = time.monotonic()
        with pytest.raises(DatabaseUnavailable, match="busy"), small.read():
            pass
        assert time.monotonic() - began_s < PATIENCE_S + 2
    with small.read() as transaction:
        assert transaction.jobs.get("a", owner_id=OWNER)


def test_never_more_connections_than_the_pool_has(
    shelf: Shelf, small: Database, mariadb: RunningMariaDb
) -> None:
    shelf.add("a")
    most = 0

    def read(_number: int) -> None:
        with small.read() as transaction:
            transaction.connection.execute(text("SELECT SLEEP(0.02)"))

    with ThreadPoolExecutor(12) as threads:
        ends = [threads.submit(read, number) for number in range(40)]
        while not all(end.done() for end in ends):
            most = max(most, len(connections_of(mariadb, shelf)))
        for end in ends:
            end.result()
    assert most <= 2 + 1, "and the shelf's own"


def connections_of(mariadb: RunningMariaDb, shelf: Shelf) -> list[int]:
    """The server's numbers for them."""
    rows = mariadb.execute("SELECT id, db FROM information_schema.processlist")
    return [row[0] for row in rows if row[1] == shelf.engine.url.database]


def kill_connections(mariadb: RunningMariaDb, shelf: Shelf) -> None:
    for number in connections_of(mariadb, shelf):
        mariadb.execute(f"KILL {number}")


def test_idle_connections_that_were_killed_are_replaced_unnoticed(
    shelf: Shelf, mariadb: RunningMariaDb
) -> None:
    shelf.add("a")
    with shelf.database.read(), shelf.database.read():
        pass
    kill_connections(mariadb, shelf)
    for _ in range(3):
        assert shelf.claim("a", lease_ms=-1) is not None


def test_a_connection_killed_within_a_transaction_undoes_it(shelf: Shelf, mariadb: RunningMariaDb) -> None:
    shelf.add("a")

    def cancel_and_die() -> None:
        with shelf.database.write() as transaction:
            transaction.jobs.cancel("a")
            kill_connections(mariadb, shelf)
            transaction.totals.add(cancelled=1)

    with pytest.raises(DatabaseUnavailable):
        cancel_and_die()
    assert shelf.job("a")["status"] == "submitted"
    assert shelf.claim("a") == 1


def test_a_full_disk_is_told_from_an_absent_database(shelf: Shelf) -> None:
    shelf.add("a")
    shelf.fill_disk()
    with pytest.raises(DiskFull):
        shelf.claim("a")
    shelf.free_disk()
    assert shelf.claim("a") == 1


def test_a_server_that_may_only_be_read_is_unavailable_and_left(
    shelf: Shelf, mariadb: RunningMariaDb
) -> None:
    """As an old primary after a fail-over: the next connection may lead to the new one."""
    shelf.add("a")
    opened: list[object] = []
    event.listen(shelf.engine, "connect", lambda connection, _record: opened.append(connection))
    mariadb.execute("SET GLOBAL read_only = ON")
    try:
        with pytest.raises(DatabaseUnavailable):
            shelf.claim("a")
    finally:
        mariadb.execute("SET GLOBAL read_only = OFF")
    assert shelf.claim("a") == 1
    assert opened


def test_a_missing_table_is_unavailable(shelf: Shelf) -> None:
    with shelf.database.write() as transaction:
        transaction.connection.execute(text("RENAME TABLE jobs TO lost"))
    with pytest.raises(DatabaseUnavailable), shelf.database.read() as reading:
        reading.jobs.count_open()


def test_a_session_decides_the_clock_and_the_strictness_not_the_server(
    shelf: Shelf, mariadb: RunningMariaDb
) -> None:
    """The test server is set up for half past five eastwards and for cutting what does not fit."""
    assert mariadb.execute("SELECT @@global.time_zone, @@global.sql_mode") == [("+05:30", "")]
    with shelf.database.read() as transaction:
        assert abs(transaction.now_ms() - time.time() * 1000) < 2000
    shelf.add("a")
    with pytest.raises(DataError), shelf.database.write() as writing:
        writing.connection.execute(text("UPDATE jobs SET worker = :worker"), {"worker": "w" * 121})


def test_a_clock_that_was_set_for_the_server_alone_decides(shelf: Shelf, mariadb: RunningMariaDb) -> None:
    """Every zone gives the same milliseconds, in the hour that a zone has twice too."""
    with shelf.database.read() as transaction:
        connection = transaction.connection
        for zone in ("+00:00", "-08:00", "+13:00"):
            connection.execute(text(f"SET SESSION time_zone = '{zone}'"))
            assert abs(transaction.now_ms() - time.time() * 1000) < 2000
        connection.execute(text("SET SESSION time_zone = '+00:00'"))


def test_a_host_that_takes_connections_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mysql+pymysql://u:p@127.0.0.1:{silent.getsockname()[1]}/db"
        database = Database(open_engine(url, answer_timeout_s=0.5))
        began_s = time.monotonic()
        with pytest.raises(DatabaseUnavailable), database.read():
            pass
        assert time.monotonic() - began_s < 5
        database.close()


def test_a_server_that_goes_silent_in_mid_answer_is_given_up(shelf: Shelf, mariadb: RunningMariaDb) -> None:
    """As when a firewall drops the packets of an open connection."""
    database = Database(open_engine(shelf.url, answer_timeout_s=1.0))
    began_s = time.monotonic()
    with pytest.raises(DatabaseUnavailable), database.read() as transaction:
        transaction.connection.execute(text("SELECT SLEEP(60)"))
    assert time.monotonic() - began_s < 10
    with database.read() as transaction:
        assert transaction.now_ms()
    database.close()
    shelf.engine.dispose()
    kill_connections(mariadb, shelf)
    wait_until(lambda: not connections_of(mariadb, shelf), timeout_s=10, what="the sleeper to end")
