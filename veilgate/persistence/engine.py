"""Opens a database engine and teaches SQLite to behave as a server would."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError

from veilgate.domain.errors import DatabaseUnavailable

WRITES = "veilgate_writes"
# How long anything waits for its turn: callers had better hear "too busy" while they still listen.
PATIENCE_S = 5.0


def open_engine(url: str) -> Engine:
    """An engine for SQLite or MySQL/MariaDB; connects on first use."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        assert parsed.database, "an SQLite database is a file here, because several processes share it"
        path = Path(parsed.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            parsed, connect_args={"timeout": PATIENCE_S}, pool_size=10, pool_timeout=PATIENCE_S
        )
        _prepare_sqlite(engine)
        _notice_a_lost_file(engine, path)
        return engine
    return create_engine(
        parsed,
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_recycle=1800,
        pool_timeout=PATIENCE_S,
    )


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(dbapi_connection: Any, _record: object) -> None:
        # The driver must not begin transactions by itself: it would choose the deferred kind.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-16000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that starts by reading fails as soon as somebody else has written since,
        # whatever the busy timeout; one that takes the write lock first only waits.
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


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
