"""Real databases at the newest schema, SQLite's and MariaDB's, and a short way to fill and read them."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from init_database import migrate
from tests.fixtures.mariadb import RunningMariaDb
from veilgate.domain.jobs import JobKind, Lane
from veilgate.domain.options import UploadOptions
from veilgate.persistence.engine import open_engine
from veilgate.persistence.records import NewEvent, NewImage, NewJob
from veilgate.persistence.unit_of_work import Database

OWNER = "owner-1"


class Shelf:
    """One database: the product's way in, and a side door for tests. `folder` is for what belongs to it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.engine: Engine = open_engine(url)
        self.database = Database(self.engine)

    @property
    def is_server(self) -> bool:
        return self.engine.dialect.name != "sqlite"

    @property
    def path(self) -> Path:
        """The file of an SQLite database."""
        assert self.engine.url.database
        return Path(self.engine.url.database)

    def close(self) -> None:
        self.database.close()

    def add(self, *job_ids: str, lane: Lane = Lane.INTERACTIVE, width: int = 10, options: str = "") -> None:
        """Jobs that wait, each with an image of `width` × 10 pixels and its first event."""
        with self.database.write() as transaction:
            for job_id in job_ids:
                transaction.images.insert(
                    NewImage(
                        job_id,
                        OWNER,
                        "0" * 64,
                        "a.jpg",
                        1,
                        "jpeg",
                        width,
                        10,
                        f"original/2026/01/01/{job_id}",
                    )
                )
                transaction.jobs.insert(
                    NewJob(
                        job_id, OWNER, job_id, JobKind.VEIL, lane, options or UploadOptions().as_json(), None
                    )
                )
                transaction.events.insert_first(job_id, NewEvent("job", "submitted", "{}"))

    def job(self, job_id: str) -> dict[str, Any]:
        return self.rows("SELECT * FROM jobs WHERE id = :id", id=job_id)[0]

    def rows(self, query: str, **values: object) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(query), values).mappings()]

    def change(self, job_id: str, **columns: object) -> None:
        """Put a job into a state that would take long to reach, as a lease that has run out."""
        changes = ", ".join(f"{name} = :{name}" for name in columns)
        with self.database.write() as transaction:
            transaction.connection.execute(
                text(f"UPDATE jobs SET {changes} WHERE id = :id"),  # noqa: S608 - names from tests
                {**columns, "id": job_id},
            )

    def claim(
        self, job_id: str, *, worker: str = "w", lease_ms: int = 60_000, alone: bool = False
    ) -> int | None:
        """The fence drawn, or None."""
        with self.database.write() as transaction:
            claimed = transaction.claims.claim(job_id, worker=worker, lease_ms=lease_ms, alone=alone)
        return claimed.fence if claimed else None

    def fill_disk(self) -> None:
        """From now on every change of a job is refused as on a full disk."""
        refusal = "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        if self.is_server:
            refusal = (
                "FOR EACH ROW SIGNAL SQLSTATE 'HY000' "
                "SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table ''jobs'' is full'"
            )
        with self.database.write() as transaction:
            transaction.connection.exec_driver_sql(f"CREATE TRIGGER no_space BEFORE UPDATE ON jobs {refusal}")

    def free_disk(self) -> None:
        with self.database.write() as transaction:
            transaction.connection.exec_driver_sql("DROP TRIGGER no_space")

    def expire(self, job_id: str) -> None:
        self.change(job_id, lease_until_ms=1)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database at the newest schema, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "veilgate.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def sqlite_shelf(migrated_file: Path, tmp_path: Path) -> Iterator[Shelf]:
    """For what only SQLite does."""
    shutil.copy(migrated_file, tmp_path / "veilgate.db")
    shelf = Shelf(f"sqlite:///{tmp_path / 'veilgate.db'}", tmp_path)
    yield shelf
    shelf.close()


@pytest.fixture
def mariadb_shelf(mariadb: RunningMariaDb, tmp_path: Path) -> Iterator[Shelf]:
    """For what only a server does."""
    shelf = Shelf(mariadb.new_database(), tmp_path)
    yield shelf
    shelf.close()


@pytest.fixture(params=["sqlite", "mariadb"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """An empty database of each kind in turn."""
    found: Shelf = request.getfixturevalue(f"{request.param}_shelf")
    return found
