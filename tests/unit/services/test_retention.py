"""Originals whose time is over: whose, in which order, and what is answered then."""

from pathlib import Path

import pytest
from sqlalchemy import update

from database_models import jobs, processed_images
from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.errors import ObjectStoreUnavailable, OriginalDropped
from veilgate.domain.ids import new_id
from veilgate.domain.options import UploadOptions
from veilgate.services.images.copies import Copies
from veilgate.services.images.erase import AskedBy, Erase
from veilgate.services.images.retention import Retention
from veilgate.services.jobs.job_control import JobControl
from veilgate.services.jobs.redo import Redo
from veilgate.storage.local import LocalObjectStore

_DAY_MS = 86_400_000


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


def add(shelf: Shelf, store: LocalObjectStore, *, status: str, days: int, job_days: int | None = None) -> str:
    """An image of so many days ago, with its original; its job was at work `job_days` ago."""
    image_id = new_id()
    shelf.add(image_id)
    with shelf.database.write() as transaction:
        created = processed_images.c.created_at_ms - days * _DAY_MS - 1
        transaction.connection.execute(
            update(processed_images).where(processed_images.c.id == image_id).values(created_at_ms=created)
        )
        worked = jobs.c.updated_at_ms - (days if job_days is None else job_days) * _DAY_MS - 1
        transaction.connection.execute(
            update(jobs).where(jobs.c.id == image_id).values(updated_at_ms=worked, status=status)
        )
    store.put(f"original/2026/01/01/{image_id}", b"x", media_type="image/jpeg")
    return image_id


def kept(store: LocalObjectStore) -> set[str]:
    return {Path(key).name for key in store.list("original/")}


def test_only_those_that_nobody_needs_any_more(shelf: Shelf, store: LocalObjectStore) -> None:
    old = [add(shelf, store, status=status, days=8) for status in ("completed", "failed", "cancelled")]
    young = add(shelf, store, status="completed", days=6)
    at_work = add(shelf, store, status="processing", days=8)
    waiting = add(shelf, store, status="submitted", days=8)
    done_again = add(shelf, store, status="completed", days=8, job_days=2)
    Retention(shelf.database, store, kept_days=7).drop_originals()
    assert kept(store) == {young, at_work, waiting, done_again}
    rows = shelf.rows("SELECT id FROM processed_images WHERE original_dropped_at_ms IS NOT NULL")
    assert {row["id"] for row in rows} == set(old)


def test_for_ever_without_the_setting(shelf: Shelf, store: LocalObjectStore) -> None:
    image_id = add(shelf, store, status="completed", days=4000)
    Retention(shelf.database, store, kept_days=0).drop_originals()
    assert kept(store) == {image_id}


def test_files_left_by_who_died_go_in_the_next_round(shelf: Shelf, store: LocalObjectStore) -> None:
    class Away(LocalObjectStore):
        def delete(self, keys: list[str]) -> None:  # noqa: ARG002
            raise ObjectStoreUnavailable

    image_id = add(shelf, store, status="completed", days=8)
    with pytest.raises(ObjectStoreUnavailable):
        Retention(shelf.database, Away(shelf.folder / "objects"), kept_days=7).drop_originals()
    with pytest.raises(OriginalDropped):
        Copies(shelf.database, store).original(image_id, OWNER)
    assert kept(store) == {image_id}
    Retention(shelf.database, store, kept_days=0).drop_originals()
    assert kept(store) == set()


def test_what_needs_an_original_says_that_it_is_gone(shelf: Shelf, store: LocalObjectStore) -> None:
    image_id = add(shelf, store, status="failed", days=8)
    Retention(shelf.database, store, kept_days=7).drop_originals()
    with pytest.raises(OriginalDropped):
        Redo(shelf.database).redo(image_id, OWNER, UploadOptions(), correlation_id=None)
    with pytest.raises(OriginalDropped):
        JobControl(shelf.database).retry(image_id, OWNER)
    assert len(shelf.rows("SELECT id FROM jobs")) == 1
    assert Erase(shelf.database, store).erase(image_id, OWNER, AskedBy("me")).is_swept
    assert shelf.rows("SELECT id FROM processed_images") == []


def test_an_image_that_is_done_again_meanwhile_keeps_it(shelf: Shelf, store: LocalObjectStore) -> None:
    """On a server the redo's row is not to be seen yet when the page is read."""
    image_id = add(shelf, store, status="completed", days=8)

    class Interrupted(Retention):
        def _mark(self, page):  # type: ignore[no-untyped-def]
            Redo(shelf.database).redo(image_id, OWNER, UploadOptions(), correlation_id=None)
            return super()._mark(page)

    Interrupted(shelf.database, store, kept_days=7).drop_originals()
    assert kept(store) == {image_id}
