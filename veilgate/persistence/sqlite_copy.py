"""A copy of an SQLite database, made while others write to it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from veilgate.domain.errors import DatabaseUnavailable, DiskFull
from veilgate.persistence.engine import PATIENCE_S


def copy_database(source: Path, target: Path) -> None:
    """The database as it was at one moment, in one file without a log beside it. Writers do not wait: to them
    it is one more reader. `VACUUM INTO` leaves out what was deleted. Raises `OSError` where the target cannot
    be made."""
    # It fills an empty file as well: nobody else may read it, not even while it grows.
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    existing = f"{source.absolute().as_uri()}?mode=rw"
    try:
        with closing(
            sqlite3.connect(existing, uri=True, isolation_level=None, timeout=PATIENCE_S)
        ) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        if "full" in str(error):
            raise DiskFull("There is no room for a copy of the database.") from error
        raise DatabaseUnavailable(f"The database cannot be copied ({error}).") from error


def is_sound(copy: Path) -> bool:
    """Whether SQLite finds nothing wrong with a copy that nobody else has open; reads all of it. Afterwards
    it is one file again: who has looked into it may have left a log beside it."""
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
            return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    except sqlite3.Error:
        return False
