"""Opens database engines, and makes SQLite, MySQL and MariaDB behave alike."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DisconnectionError

from veilgate.domain.errors import DatabaseUnavailable
from veilgate.persistence.driver_errors import READ_ONLY, SHUTTING_DOWN, error_number
from veilgate.persistence.unfinished_restore import require_no_unfinished_restore

WRITES = "veilgate_writes"
WAITS_A_MOMENT = "veilgate_waits_a_moment"
# How long anything waits for its turn: callers had better hear "too busy" while they still listen.
PATIENCE_S = 5.0
# What is not worth waiting for waits so long for whoever writes to an SQLite file.
MOMENT_S = 0.05
CONNECT_TIMEOUT_S = 3
# Between two packets of an answer. A server that vanished without a word is given up then, in time for a
# worker to renew its leases (20 s by default) with another connection.
ANSWER_TIMEOUT_S = 10.0
# A row that somebody holds; short, because the whole transaction is tried again within PATIENCE_S.
_ROW_LOCK_WAIT_S = 2
# A table that is being changed; also how long a migration waits for readers, with everybody behind it.
_TABLE_LOCK_WAIT_S = 3
# Somebody froze within a transaction, or its machine vanished: its rows are free after this, where
# a server would wait for hours. Every end of a job needs the rows of the totals.
IDLE_TRANSACTION_S = 20
# Before the server, or a firewall between, drops a connection that nobody used.
_RECYCLE_S = 1800
# The modes that MySQL 8 and 9 and MariaDB share: what does not fit is an error, never cut.
_SQL_MODE = "STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,NO_ENGINE_SUBSTITUTION"


def open_engine(
    url: str,
    *,
    pool_size: int = 10,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
    idle_transaction_s: int = IDLE_TRANSACTION_S,
) -> Engine:
    """An engine for SQLite or MySQL/MariaDB; connects on first use. Raises `ConfigurationError` where a
    restore was cut off.

    `pool_size` is the most connections to a server; an SQLite file, which has one writer anyway, gets 20.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    engine = create_engine(
        parsed,
        isolation_level="READ COMMITTED",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=PATIENCE_S,
        pool_pre_ping=True,
        hide_parameters=True,
        pool_recycle=_RECYCLE_S,
        connect_args={
            "charset": "utf8mb4",
            "init_command": _session_settings(idle_transaction_s),
            "connect_timeout": CONNECT_TIMEOUT_S,
            "read_timeout": answer_timeout_s,
            "write_timeout": answer_timeout_s,
        },
    )
    _leave_a_server_that_cannot_write(engine)
    return engine


def _open_sqlite(url: URL) -> Engine:
    assert url.database, "an SQLite database is a file here, because several processes share it"
    path = Path(url.database)
    require_no_unfinished_restore(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        connect_args={"timeout": PATIENCE_S},
        pool_size=10,
        pool_timeout=PATIENCE_S,
        hide_parameters=True,  # file names and keys have no business in a log
    )
    _prepare_sqlite(engine)
    _notice_a_lost_file(engine, path)
    return engine


def _session_settings(idle_transaction_s: int) -> str:
    """MySQL has no limit for idle transactions: there an idle connection ends, within one or not, and the
    pool makes a new one. Each server reads its own of the two comments."""
    return (
        f"SET SESSION time_zone = '+00:00', sql_mode = '{_SQL_MODE}', "
        f"innodb_lock_wait_timeout = {_ROW_LOCK_WAIT_S}, lock_wait_timeout = {_TABLE_LOCK_WAIT_S}"
        f" /*M!100300 , idle_transaction_timeout = {idle_transaction_s} */"
        f" /*!80000 , wait_timeout = {idle_transaction_s} */"
    )


def _leave_a_server_that_cannot_write(engine: Engine) -> None:
    """After a fail-over the old primary may still answer, read-only: the name leads elsewhere by then."""

    @event.listens_for(engine, "handle_error")
    def give_up_connection(context: ExceptionContext) -> None:
        if error_number(context.original_exception) in READ_ONLY | SHUTTING_DOWN:
            context.is_disconnect = True


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(dbapi_connection: Any, _record: object) -> None:
        # The driver must not begin transactions by itself: it would choose the deferred kind.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # What is deleted is overwritten: Debian's library does it unasked, others do not.
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.execute("PRAGMA cache_size=-16000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that starts by reading fails as soon as somebody else has written since,
        # whatever the busy timeout; one that takes the write lock first only waits.
        options = connection.get_execution_options()
        if not options.get(WAITS_A_MOMENT, False):
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(WRITES, False) else "BEGIN")
            return
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(MOMENT_S * 1000)}")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(PATIENCE_S * 1000)}")


def _notice_a_lost_file(engine: Engine, path: Path) -> None:
    """An open connection goes on writing to a file that was deleted, and 202 would mean nothing."""

    @event.listens_for(engine, "connect")
    def remember_file(_dbapi_connection: Any, record: Any) -> None:
        record.info["inode"] = path.stat().st_ino

    @event.listens_for(engine, "checkout")
    def compare_file(_dbapi_connection: Any, record: Any, _proxy: object) -> None:
        try:
            inode = path.stat().st_ino
        except OSError as error:
            raise DatabaseUnavailable("The database file is gone.") from error
        if inode != record.info["inode"]:
            raise DisconnectionError("The database file was replaced.")
