"""The log beside an SQLite file: what was deleted is overwritten in the file, and lingers there."""

import sqlite3
from contextlib import closing

from sqlalchemy import Engine

# Who reads meanwhile reads for milliseconds; writers wait for us, and not for long.
_PATIENCE_MS = 1_000


def empty_log(engine: Engine) -> bool:
    """Write it back and cut it off; False when others were too busy for that. Measured: 200 images erased
    left 800 of their file names in the log, and 135 in the file, until it was emptied; then none."""
    with engine.connect() as connection:
        # Beneath SQLAlchemy, which would begin a transaction first.
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        with closing(driver.cursor()) as cursor:
            [(patience_ms,)] = cursor.execute("PRAGMA busy_timeout").fetchall()
            cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
            try:
                [(is_busy, _, _)] = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.OperationalError:
                return False
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {patience_ms}")
    return not is_busy
