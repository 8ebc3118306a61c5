"""Real SQLite databases at the newest schema, and a short way to fill and read them."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from init_database import migrate
from veilgate.domain.jobs import JobKind, Lane
from veilgate.domain.options import UploadOptions
from veilgate.persistence.engine import open_engine
from veilgate.persistence.records import NewEvent, NewImage, NewJob
from veilgate.persistence.unit_of_work import Database

OWNER = "owner-1"


class Shelf:
    """One database file: the product's way in, and a side door for tests."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine: Engine = open_engine(f"sqlite:///{path}")
        self.database = Database(self.engine)

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
def shelf(migrated_file: Path, tmp_path: Path) -> Iterator[Shelf]:
    shutil.copy(migrated_file, tmp_path / "veilgate.db")
    shelf = Shelf(tmp_path / "veilgate.db")
    yield shelf
    shelf.close()
