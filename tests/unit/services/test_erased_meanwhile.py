"""Requests that lose a race for a key or a place to one whose image is erased before they look."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from tests.unit.services.test_erase import ME
from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureLimits
from veilgate.domain.rejections import IdempotencyConflict
from veilgate.services.images.erase import Erase
from veilgate.services.uploads.batches import Batches
from veilgate.services.uploads.intake import AcceptedJob, Intake, Upload
from veilgate.services.uploads.received_file import HeldFile
from veilgate.services.uploads.spool import Spool
from veilgate.storage.local import LocalObjectStore

Request = Callable[[Intake, Upload], AcceptedJob]


class Overtaken(LocalObjectStore):
    """So many times, another request is quicker while ours is stored, and erased when we take ours back."""

    def __init__(self, shelf: Shelf, picture: bytes, request: Request, *, times: int) -> None:
        super().__init__(shelf.folder / "objects")
        self._shelf = shelf
        self._others = (
            Upload(HeldFile(picture + bytes([n])), "b", UploadOptions(), OWNER, None) for n in count()
        )
        self._request = request
        self._left = times
        self._plain = LocalObjectStore(shelf.folder / "objects")
        self._quicker: list[str] = []

    def put_file(self, key: str, path: Path, *, media_type: str, sha256: str) -> None:
        if self._left:
            self._left -= 1
            other = self._request(intake(self._shelf, self._plain), next(self._others))
            self._quicker.append(other.job_id)
        super().put_file(key, path, media_type=media_type, sha256=sha256)

    def delete(self, keys: list[str]) -> None:
        super().delete(keys)
        while self._quicker:
            Erase(self._shelf.database, self._plain).erase(self._quicker.pop(), OWNER, ME)


def intake(shelf: Shelf, store: LocalObjectStore) -> Intake:
    return Intake(shelf.database, store, limits=PictureLimits(), models="")


def single(_shelf: Shelf) -> Request:
    return lambda through, upload: through.accept(upload, idempotency_key="key", fingerprint="the same")


def place_in_a_batch(shelf: Shelf) -> Request:
    def add(through: Intake, upload: Upload) -> AcceptedJob:
        batches = Batches(shelf.database, through)
        return batches.add(batches.begin(OWNER, UploadOptions(), idempotency_key="key"), 0, upload)

    return add


@pytest.fixture
def ours(tmp_path: Path, astronaut_jpeg: bytes) -> Iterator[Upload]:
    """A large one: it is stored by giving it away."""
    with ExitStack() as stack:
        file = stack.enter_context(Spool(tmp_path / "incoming").open())
        file.write(astronaut_jpeg)
        yield Upload(file, "a.jpg", UploadOptions(), OWNER, None)


@pytest.mark.parametrize("kind", [single, place_in_a_batch])
def test_the_key_is_free_again(
    sqlite_shelf: Shelf, astronaut_jpeg: bytes, ours: Upload, kind: Callable[[Shelf], Request]
) -> None:
    request = kind(sqlite_shelf)
    store = Overtaken(sqlite_shelf, astronaut_jpeg, request, times=1)
    job = request(intake(sqlite_shelf, store), ours)
    assert job.is_new
    [row] = sqlite_shelf.rows("SELECT id, original_key FROM processed_images")
    assert row["id"] == job.job_id
    assert list(store.list("original/")) == [row["original_key"]]
    assert store.get(row["original_key"]) == astronaut_jpeg


@pytest.mark.parametrize("kind", [single, place_in_a_batch])
def test_it_is_not_tried_for_ever(
    sqlite_shelf: Shelf, astronaut_jpeg: bytes, ours: Upload, kind: Callable[[Shelf], Request]
) -> None:
    request = kind(sqlite_shelf)
    store = Overtaken(sqlite_shelf, astronaut_jpeg, request, times=99)
    with pytest.raises(IdempotencyConflict, match="send it again"):
        request(intake(sqlite_shelf, store), ours)
    assert sqlite_shelf.rows("SELECT id FROM processed_images") == []
    assert list(store.list("original/")) == []
