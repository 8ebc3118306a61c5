"""What is left of an upload when writing it down fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.persistence.databases import Shelf
from veilgate.domain.errors import DatabaseUnavailable, ObjectStoreUnavailable
from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureLimits
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.intake import Intake, Upload
from veilgate.services.spool import Spool
from veilgate.storage.local import LocalObjectStore


class LosesTheServer(Database):
    """A database that goes away at a chosen moment of each write."""

    def __init__(self, shelf: Shelf, *, when_committing: bool) -> None:
        super().__init__(shelf.engine)
        self._when_committing = when_committing

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        with super().write() as transaction:
            if not self._when_committing:
                raise DatabaseUnavailable
            yield transaction
        raise DatabaseUnavailable  # the commit was sent, and its answer never came


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


def accept(shelf: Shelf, store: LocalObjectStore, picture: bytes, *, when_committing: bool) -> None:
    spool = Spool(shelf.folder / "incoming")
    intake = Intake(LosesTheServer(shelf, when_committing=when_committing), store, limits=PictureLimits())
    with spool.open() as file:
        file.write(picture)
        intake.accept(Upload(file, "a.jpg", UploadOptions(), "owner-1", None))


def test_nothing_stays_when_nothing_was_written_down(
    shelf: Shelf, store: LocalObjectStore, astronaut_jpeg: bytes
) -> None:
    with pytest.raises(DatabaseUnavailable):
        accept(shelf, store, astronaut_jpeg, when_committing=False)
    assert list(store.list("original/")) == []


def test_the_original_stays_when_the_row_may_be_there(
    shelf: Shelf, store: LocalObjectStore, astronaut_jpeg: bytes
) -> None:
    with pytest.raises(DatabaseUnavailable):
        accept(shelf, store, astronaut_jpeg, when_committing=True)
    assert [row["original_key"] for row in shelf.rows("SELECT original_key FROM processed_images")] == [
        *store.list("original/")
    ]


def test_a_store_that_is_away_leaves_no_row(
    shelf: Shelf, store: LocalObjectStore, astronaut_jpeg: bytes, tmp_path: Path
) -> None:
    (tmp_path / "objects" / "original").write_bytes(b"no folder")
    with pytest.raises(ObjectStoreUnavailable):
        accept(shelf, store, astronaut_jpeg, when_committing=False)
    assert shelf.rows("SELECT id FROM jobs") == []
