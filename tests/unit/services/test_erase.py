"""Erasing: what goes, what stays, and who comes at the same time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from database_models import processed_images
from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.errors import ImageNotFound, ObjectStoreUnavailable
from veilgate.domain.ids import new_id
from veilgate.domain.options import UploadOptions
from veilgate.persistence.records import NewBatchItem, NewDirectUpload, NewEvent
from veilgate.persistence.search_records import NewEmbedding
from veilgate.persistence.tables.naming import metadata
from veilgate.persistence.unit_of_work import Transaction
from veilgate.services.engines.superseded_files import drop_superseded
from veilgate.services.images.erase import AskedBy, Erase, ErasedFiles
from veilgate.services.jobs.redo import Redo
from veilgate.storage.local import LocalObjectStore

ME = AskedBy("key-1", "127.0.0.1", "request-1")
NAME = "holiday-in-grimsby.jpg"
DIGEST = "ab" * 32
# They say that it was, and nothing of what it was.
MAY_NAME_IT = {"tombstones", "audit_log", "index_log"}


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


def put(store: LocalObjectStore, *keys: str) -> None:
    for key in keys:
        store.put(key, b"x", media_type="image/jpeg")


def change(transaction: Transaction, image_id: str, **columns: object) -> None:
    transaction.connection.execute(
        update(processed_images).where(processed_images.c.id == image_id).values(**columns)
    )


def furnish(shelf: Shelf, store: LocalObjectStore) -> tuple[str, str]:
    """An image with one of everything that can be of an image; its id, and that of its second job."""
    image_id, upload_id, batch_id = new_id(), new_id(), new_id()
    shelf.add(image_id)
    with shelf.database.write() as transaction:
        change(transaction, image_id, filename=NAME, sha256=DIGEST)
        transaction.index_models.add("m", dimensions=4)
        transaction.events.append(image_id, NewEvent("decode_picture", "produced", f'{{"name": "{NAME}"}}'))
        transaction.images.replace_tags(image_id, "detected", {"grimsby": 1}, owner_id=OWNER)
        transaction.terms.replace(image_id, {"filename": ["grimsby"]}, owner_id=OWNER)
        transaction.batches.insert(batch_id, owner_id=OWNER)
        transaction.batches.put(NewBatchItem(batch_id, 0, NAME, DIGEST, image_id))
        transaction.direct_uploads.insert(
            NewDirectUpload(upload_id, OWNER, NAME, 1, DIGEST, "{}", f"announced/{upload_id}")
        )
        transaction.direct_uploads.bind(upload_id, image_id, deduplicated=False)
        transaction.idempotency.insert("key", owner_id=OWNER, fingerprint="f", job_id=image_id)
        transaction.embeddings.put([NewEmbedding(image_id, OWNER, "m", DIGEST, b"\x01" * 16)])
        transaction.shared_links.insert(
            f"{image_id:0>64}", image_id=image_id, object_key="k", works_ms=60_000
        )
    job_id = Redo(shelf.database).redo(image_id, OWNER, UploadOptions(), correlation_id=None).job_id
    put(store, f"original/2026/01/01/{image_id}", f"results/{image_id}/1/processed.jpg")
    put(store, f"results/{job_id}/1/processed.jpg", f"announced/{upload_id}")
    return image_id, job_id


def everything(shelf: Shelf) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every row of every table."""
    for table in metadata.tables:
        yield from ((table, row) for row in shelf.rows(f"SELECT * FROM {table}"))  # noqa: S608


def tables_that_know(shelf: Shelf, text: str) -> set[str]:
    return {table for table, row in everything(shelf) if text in repr(row)}


def test_all_that_an_image_has_goes(shelf: Shelf, store: LocalObjectStore) -> None:
    image_id, job_id = furnish(shelf, store)
    assert len(tables_that_know(shelf, image_id)) > 8, "or this test looks at nothing"
    erased = Erase(shelf.database, store).erase(image_id, OWNER, ME)
    assert erased.is_swept
    assert set(erased.job_ids) == {image_id, job_id}
    assert tables_that_know(shelf, image_id) <= MAY_NAME_IT
    assert tables_that_know(shelf, job_id) <= {"tombstones"}
    for word in ("grimsby", "rimsby", DIGEST, repr(b"\x01" * 16)):
        assert tables_that_know(shelf, word) == set(), word
    assert list(store.list("")) == []
    [item] = shelf.rows("SELECT * FROM batch_items")
    assert (item["error_code"], item["filename"], item["job_id"]) == ("erased", "", None)
    [entry] = shelf.rows("SELECT * FROM audit_log")
    assert (entry["action"], entry["subject"], entry["actor"]) == ("image.deleted", image_id, "key-1")
    [stone] = shelf.rows("SELECT * FROM tombstones")
    assert stone["owner_id"] == OWNER
    last = shelf.rows("SELECT operation FROM index_log ORDER BY seq DESC")[0]
    assert last["operation"] == "remove", "whoever holds an index hears of it"


def test_what_others_have_stays(shelf: Shelf, store: LocalObjectStore) -> None:
    """Of the same picture, under the same name."""
    furnish(shelf, store)
    before = [(table, row) for table, row in everything(shelf) if table != "counters"]
    files = set(store.list(""))
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("DELETE FROM idempotency_keys")
    image_id, _ = furnish(shelf, store)
    Erase(shelf.database, store).erase(image_id, OWNER, ME)
    after = list(everything(shelf))
    lost = [row for row in before if row not in after and row[0] != "idempotency_keys"]
    assert lost == []
    assert set(store.list("")) == files


def test_again_is_no_error_and_strangers_hear_nothing(shelf: Shelf, store: LocalObjectStore) -> None:
    image_id, _ = furnish(shelf, store)
    erase = Erase(shelf.database, store)
    for unknown, owner in ((image_id, "somebody"), (new_id(), OWNER), ("x", OWNER)):
        with pytest.raises(ImageNotFound):
            erase.erase(unknown, owner, ME)
    assert len(shelf.rows("SELECT * FROM jobs")) == 2
    assert erase.erase(image_id, OWNER, ME).is_swept
    assert erase.erase(image_id, OWNER, ME).is_swept
    with pytest.raises(ImageNotFound):
        erase.erase(image_id, "somebody", ME)
    assert len(shelf.rows("SELECT * FROM audit_log")) == 1


def make_due(shelf: Shelf) -> None:
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE tombstones SET look_at_ms = 1")


def test_files_that_could_not_be_deleted_go_later(shelf: Shelf, store: LocalObjectStore) -> None:
    class Away(LocalObjectStore):
        def delete(self, keys: list[str]) -> None:  # noqa: ARG002
            raise ObjectStoreUnavailable

    image_id, _ = furnish(shelf, store)
    away = Away(shelf.folder / "objects")
    assert not Erase(shelf.database, away).erase(image_id, OWNER, ME).is_swept
    assert tables_that_know(shelf, image_id) <= MAY_NAME_IT, "it is gone for everybody at once"
    make_due(shelf)
    with pytest.raises(ObjectStoreUnavailable):
        ErasedFiles(shelf.database, away, settled_after_s=0).sweep_due()
    assert len(list(store.list(""))) == 4
    assert ErasedFiles(shelf.database, store, settled_after_s=60).sweep_due() == 1
    assert list(store.list("")) == []


def test_it_is_looked_for_until_nobody_can_write_any_more(shelf: Shelf, store: LocalObjectStore) -> None:
    """A worker that had the picture, and a sender whose address still works."""
    image_id, job_id = furnish(shelf, store)
    Erase(shelf.database, store).erase(image_id, OWNER, ME)
    files = ErasedFiles(shelf.database, store, settled_after_s=60)
    assert files.sweep_due() == 0, "its gateway has a moment"
    make_due(shelf)
    assert files.sweep_due() == 1
    [stone] = shelf.rows("SELECT * FROM tombstones")
    assert stone["look_at_ms"] == stone["erased_at_ms"] + 60_000

    put(store, f"results/{job_id}/2/processed.jpg")
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql(
            "UPDATE tombstones SET erased_at_ms = erased_at_ms - 60000, look_at_ms = 1"
        )
    assert files.sweep_due() == 1
    assert list(store.list("")) == []
    [stone] = shelf.rows("SELECT * FROM tombstones")
    assert stone["look_at_ms"] == stone["erased_at_ms"] + 2 * 86_400_000, "an address may be good for a day"

    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql(
            "UPDATE tombstones SET erased_at_ms = erased_at_ms - 172800000, look_at_ms = 1"
        )
    assert files.sweep_due() == 1
    [stone] = shelf.rows("SELECT * FROM tombstones")
    assert stone["look_at_ms"] is None
    assert stone["swept_at_ms"]
    assert files.sweep_due() == 0


def test_a_worker_that_has_the_picture_cannot_bring_it_back(shelf: Shelf, store: LocalObjectStore) -> None:
    image_id = new_id()
    shelf.add(image_id)
    fence = shelf.claim(image_id)
    assert fence == 1
    Erase(shelf.database, store).erase(image_id, OWNER, ME)
    with shelf.database.write() as transaction:
        assert transaction.claims.extend([(image_id, fence)], lease_ms=9) == {image_id}
        assert not transaction.events.append_fenced(image_id, fence, NewEvent("find_faces", "produced", "{}"))
        assert not transaction.claims.complete(image_id, fence, results="{}", result_key="results/")
        assert not transaction.images.point_to(image_id, image_id)
    put(store, f"results/{image_id}/1/processed.jpg")
    drop_superseded(shelf.database, store, job_id=image_id, fence=fence)
    assert list(store.list("")) == []
    assert tables_that_know(shelf, image_id) <= MAY_NAME_IT


def test_who_looked_like_it_is_judged_again(shelf: Shelf, store: LocalObjectStore) -> None:
    first, second, third, alone = sorted(new_id() for _ in range(4))
    shelf.add(first, second, third, alone)
    likes = {second: first, third: second}
    with shelf.database.write() as transaction:
        transaction.index_models.add("m", dimensions=4)
        for image_id, like in likes.items():
            change(
                transaction,
                image_id,
                near_duplicate_of=like,
                near_duplicate_score=0.99,
                duplicate_group=first,
            )
        change(transaction, first, duplicate_group=first)
    erase = Erase(shelf.database, store)
    erase.erase(alone, OWNER, ME)
    assert shelf.rows("SELECT * FROM index_log") == [], "nobody was like that one"
    erase.erase(first, OWNER, ME)
    judged = shelf.rows("SELECT operation, image_id, model_id FROM index_log ORDER BY seq")
    assert [tuple(row.values()) for row in judged] == [("judge", second, "m")]
    columns = "near_duplicate_of, near_duplicate_score, duplicate_group"
    query = f"SELECT {columns} FROM processed_images ORDER BY id"  # noqa: S608 - from here
    assert [tuple(row.values()) for row in shelf.rows(query)] == [
        (None, None, second),
        (second, 0.99, second),
    ], "and no group is called by what is gone, even before that"
    erase.erase(second, OWNER, ME)
    assert [tuple(row.values()) for row in shelf.rows(query)] == [(None, None, None)], "one is no group"


def test_all_of_an_owner(shelf: Shelf, store: LocalObjectStore) -> None:
    ids = [new_id() for _ in range(5)]
    shelf.add(*ids)
    with shelf.database.write() as transaction:
        change(transaction, ids[2], owner_id="other")
    heard: list[int] = []
    assert Erase(shelf.database, store).erase_all_of(OWNER, ME, erased=heard.append)
    assert heard == [1, 2, 3, 4]
    assert [row["id"] for row in shelf.rows("SELECT id FROM processed_images")] == [ids[2]]


def test_what_was_erased_is_in_no_byte_of_the_files(sqlite_shelf: Shelf, store: LocalObjectStore) -> None:
    image_id, _ = furnish(sqlite_shelf, store)

    def files_with(word: bytes) -> list[str]:
        folder = sqlite_shelf.path.parent
        return [path.name for path in folder.glob("veilgate.db*") if word in path.read_bytes()]

    assert files_with(NAME.encode())
    Erase(sqlite_shelf.database, store).erase(image_id, OWNER, ME)
    make_due(sqlite_shelf)
    ErasedFiles(sqlite_shelf.database, store, settled_after_s=0).sweep_due()
    assert files_with(image_id.encode()), "the tombstone"
    assert files_with(NAME.encode()) == files_with(DIGEST.encode()) == files_with(b"\x01" * 16) == []
