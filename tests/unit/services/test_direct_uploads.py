"""What is left of a direct upload when something goes wrong while it is taken."""

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.errors import DatabaseUnavailable, ObjectStoreUnavailable, UploadNotFound
from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureLimits
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.uploads.direct_uploads import Announcement, DirectUploads
from veilgate.services.uploads.intake import AcceptedJob, Intake
from veilgate.services.uploads.spool import Spool
from veilgate.storage.local import LocalObjectStore
from veilgate.storage.ports import SignedPut


class Folder(LocalObjectStore):
    """A folder that callers could reach. `on_open` is called when an object is about to be read."""

    signed_url_s = 60
    on_open: Callable[[], None] | None = None
    cannot_delete = False

    def sign_get(
        self,
        key: str,
        *,
        media_type: str,  # noqa: ARG002
        disposition: str,  # noqa: ARG002
        works_s: int | None = None,  # noqa: ARG002
    ) -> str:
        return f"signed:{key}"

    def sign_put(self, key: str, *, size_bytes: int, sha256: str) -> SignedPut:  # noqa: ARG002
        return SignedPut(f"signed:{key}", {})

    def open_chunks(self, key: str) -> tuple[int, Generator[bytes]]:
        if self.on_open:
            self.on_open()
        return super().open_chunks(key)

    def delete(self, keys: list[str]) -> None:
        if self.cannot_delete:
            raise ObjectStoreUnavailable
        super().delete(keys)


class LosesAnswers(Database):
    """While `loses` is set, the commit is done and its answer never comes, nor any other."""

    loses = is_away = False

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        with super().write() as transaction:
            yield transaction
        if self.loses:
            self.is_away = True
            raise DatabaseUnavailable

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        if self.is_away:
            raise DatabaseUnavailable
        with super().read() as transaction:
            yield transaction


class Desk:
    """Announces one picture, and puts it."""

    def __init__(self, shelf: Shelf, folder: Path, picture: bytes) -> None:
        self.shelf = shelf
        self.database = LosesAnswers(shelf.engine)
        self.store = Folder(folder / "objects")
        self._uploads = DirectUploads(
            self.database,
            Intake(self.database, self.store, limits=PictureLimits(), models=""),
            Spool(folder / "incoming"),
            store=self.store,
            max_file_bytes=10_000_000,
        )
        digest = hashlib.sha256(picture).hexdigest()
        announcement = Announcement("a.jpg", len(picture), digest, UploadOptions(), OWNER)
        self._id = self._uploads.announce(announcement)["upload_id"]
        self.store.put(f"announced/{self._id}", picture, media_type="image/jpeg")

    def complete(self) -> AcceptedJob:
        return self._uploads.complete(self._id, OWNER, correlation_id=None)

    def forget(self) -> None:
        with self.shelf.database.write() as transaction:
            transaction.direct_uploads.forget([self._id])

    def originals(self) -> list[str]:
        return list(self.store.list("original/"))


@pytest.fixture
def desk(shelf: Shelf, tmp_path: Path, astronaut_jpeg: bytes) -> Desk:
    return Desk(shelf, tmp_path, astronaut_jpeg)


def test_one_that_is_forgotten_while_it_is_taken_leaves_nothing(desk: Desk) -> None:
    desk.store.on_open = desk.forget
    with pytest.raises(UploadNotFound):
        desk.complete()
    assert desk.originals() == []
    assert desk.shelf.rows("SELECT id FROM jobs") == []


def test_a_lost_answer_of_the_database_makes_no_second_job(desk: Desk) -> None:
    desk.database.loses = True
    with pytest.raises(DatabaseUnavailable):
        desk.complete()
    desk.database.loses = desk.database.is_away = False
    job = desk.complete()
    assert not job.is_new
    assert [row["id"] for row in desk.shelf.rows("SELECT id FROM jobs")] == [job.job_id]
    assert [Path(key).name for key in desk.originals()] == [job.job_id]


def test_it_is_taken_though_what_was_put_cannot_be_removed(desk: Desk) -> None:
    desk.store.cannot_delete = True
    job = desk.complete()
    assert job.is_new
    assert desk.complete().job_id == job.job_id
    assert len(list(desk.store.list("announced/"))) == 1, "for housekeeping"


def test_one_taken_by_another_in_between_is_theirs(desk: Desk) -> None:
    """The other call ends, and removes the object, before ours opens it."""
    other: list[AcceptedJob] = []

    def complete_first() -> None:
        desk.store.on_open = None
        other.append(desk.complete())

    desk.store.on_open = complete_first
    ours = desk.complete()
    assert (ours.job_id, ours.is_new) == (other[0].job_id, False)
    assert len(desk.originals()) == len(desk.shelf.rows("SELECT id FROM jobs")) == 1
