"""Opens a database engine and teaches SQLite to behave as a server would."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url

WRITES = "veilgate_writes"
_SQLITE_BUSY_TIMEOUT_S = 30.0


def open_engine(url: str) -> Engine:
    """An engine for SQLite or MySQL/MariaDB; connects on first use."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": _SQLITE_BUSY_TIMEOUT_S}, pool_size=10)
        _prepare_sqlite(engine)
        return engine
    return create_engine(parsed, isolation_level="READ COMMITTED", pool_pre_ping=True, pool_recycle=1800)


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
