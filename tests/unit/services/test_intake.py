"""What is left of an upload when writing it down fails, and when it is one of a picture that is known."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import update

from database_models import jobs
from tests.integration.persistence.databases import Shelf
from veilgate.domain.errors import DatabaseUnavailable, ObjectStoreUnavailable
from veilgate.domain.jobs import JobStatus
from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureLimits
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.uploads.intake import AcceptedJob, Intake, Upload
from veilgate.services.uploads.received_file import HeldFile
from veilgate.storage.local import LocalObjectStore


class LosesTheServer(Database):
    """A database that goes away at a chosen moment of each write; `stays_away` says whether for good."""

    def __init__(self, shelf: Shelf, *, when_committing: bool, stays_away: bool = True) -> None:
        super().__init__(shelf.engine)
        self._when_committing = when_committing
        self._stays_away = stays_away
        self._is_away = False

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self._is_away = self._stays_away
        with super().write() as transaction:
            if not self._when_committing:
                raise DatabaseUnavailable
            yield transaction
        raise DatabaseUnavailable  # the commit was sent, and its answer never came

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        if self._is_away:
            raise DatabaseUnavailable
        with super().read() as transaction:
            yield transaction


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


def accept(
    database: Database, store: LocalObjectStore, picture: bytes, *, owner: str = "owner-1", models: str = ""
) -> AcceptedJob:
    intake = Intake(database, store, limits=PictureLimits(), models=models)
    with HeldFile(picture) as file:
        return intake.accept(Upload(file, "a.jpg", UploadOptions(), owner, None))


def test_nothing_stays_when_nothing_was_written_down(
    shelf: Shelf, store: LocalObjectStore, astronaut_jpeg: bytes
) -> None:
    with pytest.raises(DatabaseUnavailable):
        accept(LosesTheServer(shelf, when_committing=False), store, astronaut_jpeg)
    assert list(store.list("original/")) == []


def test_the_original_stays_when_the_row_may_be_there(
    shelf: Shelf, store: LocalObjectStore, astronaut_jpeg: bytes
) -> None:
    with pytest.raises(DatabaseUnavailable):
        accept(LosesTheServer(shelf, when_committing=True), store, astronaut_jpeg)
    assert [row["original_key"] for row in shelf.rows("SELECT original_key FROM processed_images")] == [
        *store.list("original/")
    ]


def test_a_lost_reply_to_a_commit_is_looked_up(
    shelf: Shelf, store: LocalObjectStore, astronaut_jpeg: bytes
) -> None:
    database = LosesTheServer(shelf, when_committing=True, stays_away=False)
    job = accept(database, store, astronaut_jpeg)
    assert (job.is_new, job.status) == (True, JobStatus.SUBMITTED)
    assert [row["id"] for row in shelf.rows("SELECT id FROM jobs")] == [job.job_id]
    assert len(list(store.list("original/"))) == 1


def test_a_store_that_is_away_leaves_no_row(
    shelf: Shelf, store: LocalObjectStore, astronaut_jpeg: bytes, tmp_path: Path
) -> None:
    (tmp_path / "objects" / "original").write_bytes(b"no folder")
    with pytest.raises(ObjectStoreUnavailable):
        accept(LosesTheServer(shelf, when_committing=False), store, astronaut_jpeg)
    assert shelf.rows("SELECT id FROM jobs") == []


@pytest.mark.parametrize("status", JobStatus)
def test_a_known_picture_is_done_again_only_if_it_failed_or_was_cancelled(
    shelf: Shelf, store: LocalObjectStore, astronaut_jpeg: bytes, status: JobStatus
) -> None:
    first = accept(shelf.database, store, astronaut_jpeg)
    shelf.change(first.job_id, status=status)
    second = accept(shelf.database, store, astronaut_jpeg)
    stands = status not in {JobStatus.FAILED, JobStatus.CANCELLED}
    assert (second.job_id == first.job_id, second.deduplicated, second.is_new) == (stands, stands, not stands)
    assert len(list(store.list("original/"))) == (1 if stands else 2)
    if stands:
        assert second.status == status
    else:
        assert shelf.job(first.job_id)["dedup_key"] is None
        assert shelf.job(second.job_id)["dedup_key"]


@pytest.mark.parametrize("changed", [{"owner": "owner-2"}, {"models": "another"}])
def test_another_owner_or_another_model_has_it_done_anew(
    shelf: Shelf, store: LocalObjectStore, astronaut_jpeg: bytes, changed: dict[str, str]
) -> None:
    first = accept(shelf.database, store, astronaut_jpeg)
    second = accept(shelf.database, store, astronaut_jpeg, **changed)
    assert (second.job_id == first.job_id, second.is_new) == (False, True)


class OvertakenWhileStored(LocalObjectStore):
    """So many times, while ours is being stored, another upload of the picture comes and is quicker."""

    def __init__(self, shelf: Shelf, picture: bytes, *, times: int) -> None:
        super().__init__(shelf.folder / "objects")
        self._shelf = shelf
        self._picture = picture
        self._left = times

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        if self._left:
            self._left -= 1
            assert accept(self._shelf.database, LocalObjectStore(self._shelf.folder), self._picture).is_new
        super().put(key, data, media_type=media_type)


class CancelsBeforeItIsLookedAt(Database):
    """Whoever was quicker has been cancelled by the time that we ask who it was."""

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with super().write() as transaction:
            transaction.connection.execute(update(jobs).values(status=JobStatus.CANCELLED))
        with super().read() as transaction:
            yield transaction


@pytest.mark.parametrize(("times", "stands"), [(1, True), (9, False)])
def test_one_that_was_quicker_in_vain_keeps_nobody_out(
    shelf: Shelf, store: LocalObjectStore, astronaut_jpeg: bytes, times: int, stands: bool
) -> None:
    overtaken = OvertakenWhileStored(shelf, astronaut_jpeg, times=times)
    ours = accept(CancelsBeforeItIsLookedAt(shelf.engine), overtaken, astronaut_jpeg)
    assert (ours.is_new, ours.status) == (True, JobStatus.SUBMITTED)
    assert [key.endswith(ours.job_id) for key in store.list("original/")] == [True], (
        "nothing of tries in vain"
    )
    again = accept(shelf.database, store, astronaut_jpeg)
    assert (again.deduplicated, again.job_id == ours.job_id) == (True, stands)
