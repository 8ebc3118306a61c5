"""What `GET /status` reads, for which callers ask more often than for anything else."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, bindparam, select

from database_models import jobs, processed_images


@dataclass(frozen=True, slots=True)
class StatusRow:
    """`options` and `results` are the JSON texts as they were stored."""

    job_id: str
    image_id: str
    status: str
    filename: str
    file_size: int
    created_at_ms: int
    updated_at_ms: int
    attempts: int
    options: str
    results: str | None
    error_code: str | None
    error_message: str | None


_J, _I = jobs.c, processed_images.c
_SELECT = (
    select(
        *(_J.id.label("job_id"), _J.image_id, _J.status, _I.filename, _I.file_size),
        *(
            _J.created_at_ms,
            _J.updated_at_ms,
            _J.attempts,
            _J.options,
            _J.results,
            _J.error_code,
            _J.error_message,
        ),
    )
    .join(processed_images, _I.id == _J.image_id)
    .where(_J.id == bindparam("job_id"), _J.owner_id == bindparam("owner_id"))
)


def read_status(connection: Connection, job_id: str, owner_id: str) -> StatusRow | None:
    row = connection.execute(_SELECT, {"job_id": job_id, "owner_id": owner_id}).one_or_none()
    return StatusRow(**row._mapping) if row else None


class InstantStatusRows:
    """Reads from an SQLite file at once or not at all: readers of a WAL wait for nobody, so that it is done
    before a thread would have been woken for it. One connection of its own, for one thread.
    """

    def __init__(self, engine: Engine) -> None:
        assert engine.url.database
        self._path = Path(engine.url.database)
        self._sql = str(_SELECT.compile(dialect=engine.dialect))
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def read(self, job_id: str, owner_id: str) -> StatusRow | None:
        """None when it is not there or cannot be read at once: ask in the usual way then."""
        try:
            row = self._connected().execute(self._sql, (job_id, owner_id)).fetchone()
        except (sqlite3.Error, OSError):
            return None
        return StatusRow(*row) if row else None

    def _connected(self) -> sqlite3.Connection:
        inode = self._path.stat().st_ino
        if self._connection is None or inode != self._inode:  # a file that was replaced is not ours any more
            address = f"{self._path.resolve().as_uri()}?mode=rw"  # makes no file where there is none
            self._connection = sqlite3.connect(address, uri=True, timeout=0, isolation_level=None)
            self._connection.execute("PRAGMA query_only=ON")
            self._inode = inode
        return self._connection
