"""Erasing while others are at the same image: each comes before or after, and nothing stays behind."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from tests.unit.services.test_erase import ME
from veilgate.domain.errors import IllegalTransition, NotFound
from veilgate.domain.ids import new_id
from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureLimits
from veilgate.domain.rejections import InputRejected
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.records import NewEvent
from veilgate.persistence.search_records import NewEmbedding
from veilgate.services.images.erase import Erase
from veilgate.services.jobs.claims import Claims
from veilgate.services.jobs.job_control import JobControl
from veilgate.services.jobs.redo import Redo
from veilgate.services.uploads.batches import Batches
from veilgate.services.uploads.intake import Intake, Upload
from veilgate.services.uploads.received_file import HeldFile
from veilgate.storage.local import LocalObjectStore

ROUNDS = 12


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


def at_once(*actions: Callable[[], object]) -> None:
    """All of them, begun together. What the house may answer is no error here; anything else is raised."""
    barrier = Barrier(len(actions))

    def act(action: Callable[[], object]) -> None:
        barrier.wait(10)
        with suppress(NotFound, IllegalTransition, InputRejected):
            action()

    with ThreadPoolExecutor(len(actions)) as threads:
        for done in [threads.submit(act, action) for action in actions]:
            done.result()


@again_after_deadlock
def complete(shelf: Shelf, image_id: str) -> None:
    """What a recorder does in its last transaction."""
    with shelf.database.write() as transaction:
        if not transaction.events.append_fenced(image_id, 1, NewEvent("job", "completed", "{}")):
            return
        transaction.claims.complete(image_id, 1, results="{}", result_key=f"results/{image_id}/1/")
        if transaction.images.point_to(image_id, image_id):
            transaction.images.replace_tags(image_id, "detected", {"car": 1}, owner_id=OWNER)
            transaction.terms.replace(image_id, {"detected": ["car"]}, owner_id=OWNER)
            transaction.embeddings.put([NewEmbedding(image_id, OWNER, "m", "0" * 64, b"1234")])
        transaction.totals.add(completed=1)


def traces_of(shelf: Shelf, image_id: str) -> list[str]:
    """Tables that still hold something of it. Foreign keys see to it that most cannot."""
    columns = {
        "processed_images": "id",
        "jobs": "image_id",
        "image_terms": "image_id",
        "embeddings": "image_id",
        "tags": "image_id",
        "batch_items": "job_id",
        "idempotency_keys": "job_id",
    }
    return [
        table
        for table, column in columns.items()
        if shelf.rows(f"SELECT 1 FROM {table} WHERE {column} = :id", id=image_id)  # noqa: S608 - from here
    ]


def test_redo_cancel_claim_record_and_heartbeat(shelf: Shelf, store: LocalObjectStore) -> None:
    erase, redo, control = Erase(shelf.database, store), Redo(shelf.database), JobControl(shelf.database)
    claims = Claims(shelf.database, worker="w", lease_s=9)

    def meet(image_id: str) -> None:
        at_once(
            lambda: erase.erase(image_id, OWNER, ME),
            lambda: erase.erase(image_id, OWNER, ME),
            lambda: redo.redo(image_id, OWNER, UploadOptions(), correlation_id=None, idempotency_key="k"),
            lambda: control.cancel(image_id, OWNER),
            lambda: complete(shelf, image_id),
            lambda: claims.claim([image_id], alone=False),
            lambda: claims.extend([(image_id, 1)]),
        )

    for number in range(ROUNDS):
        image_id = new_id()
        shelf.add(image_id)
        if number % 2:
            shelf.claim(image_id)
        meet(image_id)
        assert traces_of(shelf, image_id) == []
    assert len(shelf.rows("SELECT * FROM tombstones")) == ROUNDS
    assert shelf.rows("SELECT * FROM idempotency_keys") == []
    assert shelf.rows("SELECT * FROM terms") == []


def test_the_same_picture_sent_again(shelf: Shelf, store: LocalObjectStore, astronaut_jpeg: bytes) -> None:
    """Whoever is told a job is told one that is there, or that was erased since."""
    intake = Intake(shelf.database, store, limits=PictureLimits(), models="")
    batches, erase = Batches(shelf.database, intake), Erase(shelf.database, store)

    def upload(key: str | None = None) -> str:
        with HeldFile(astronaut_jpeg) as file:
            return intake.accept(
                Upload(file, "a.jpg", UploadOptions(), OWNER, None), idempotency_key=key
            ).job_id

    def upload_in_batch() -> str:
        batch = batches.begin(OWNER, UploadOptions(), idempotency_key=None)
        with HeldFile(astronaut_jpeg) as file:
            return batches.add(batch, 0, Upload(file, "a.jpg", UploadOptions(), OWNER, None)).job_id

    def meet(image_id: str, key: str) -> None:
        at_once(lambda: erase.erase(image_id, OWNER, ME), lambda: upload(key), upload_in_batch)

    for number in range(ROUNDS):
        image_id = upload()
        meet(image_id, f"key-{number}")
        assert traces_of(shelf, image_id) == []
        for row in shelf.rows("SELECT id FROM processed_images"):
            erase.erase(row["id"], OWNER, ME)
    assert list(store.list("")) == []
    items = shelf.rows("SELECT error_code FROM batch_items")
    assert [item["error_code"] for item in items] == ["erased"] * ROUNDS
