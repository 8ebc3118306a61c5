"""Originals against images: each image has the file that was sent, and no file is without an image."""

import hashlib
import time
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from veilgate.domain.ids import is_id, made_at_ms
from veilgate.persistence.inventory import Inventory, StoredOriginal
from veilgate.persistence.unit_of_work import Database
from veilgate.services.object_pages import PAGE, ask_of_each, pages, size_of
from veilgate.services.verification import Finding, LookedAt
from veilgate.storage.ports import ObjectStore

# An original is stored before its row is written.
_YOUNG_MS = 3_600_000
EMPTY_DATABASE = "the database knows no image at all: is DATABASE_URL the right one?"


class LostOriginals:
    """`original_missing`, `original_size`, and with `deep`, which reads every byte, `original_sha256`."""

    looks_at = "images"

    def __init__(self, database: Database, store: ObjectStore, *, deep: bool) -> None:
        self._database = database
        self._store = store
        self._deep = deep

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        last = ""
        while page := self._page(last):
            last = page[-1].image_id
            if wrong := [image.image_id for image, _ in self._wrong_of(page)]:
                with self._database.read() as transaction:
                    again = Inventory(transaction.connection).originals_of(wrong)
                yield from (finding for _, finding in self._wrong_of(again))
            looked_at(len(page))

    def _page(self, last: str) -> list[StoredOriginal]:
        with self._database.read() as transaction:
            return Inventory(transaction.connection).originals_after(last, limit=PAGE)

    def _wrong_of(self, images: list[StoredOriginal]) -> list[tuple[StoredOriginal, Finding]]:
        judged = zip(images, ask_of_each(self._judge, images), strict=True)
        return [(image, finding) for image, finding in judged if finding]

    def _judge(self, image: StoredOriginal) -> Finding | None:
        size = size_of(self._store, image.original_key)
        if size is None:
            return _lost("original_missing", image, "is not in the object store")
        if size != image.file_size:
            return _lost("original_size", image, f"has {size} bytes, not {image.file_size}")
        if self._deep and self._sha256(image.original_key) != image.sha256:
            return _lost("original_sha256", image, "holds other bytes than were sent")
        return None

    def _sha256(self, key: str) -> str:
        digest = hashlib.sha256()
        for chunk in self._store.open_chunks(key)[1]:
            digest.update(chunk)
        return digest.hexdigest()


class OrphanOriginals:
    """`original_orphan`: an original that no image has, and that is too old to be an upload on its way."""

    looks_at = "originals"

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        for page in pages(self._store.list("original/")):
            by_id = {PurePosixPath(key).name: key for key in page}
            with self._database.read() as transaction:
                inventory = Inventory(transaction.connection)
                known = {image.original_key for image in inventory.originals_of(list(by_id))}
                knows_any = bool(known) or inventory.has_images()
            for key in page:
                if key not in known and not _is_young(PurePosixPath(key).name):
                    yield self._orphan(key, may_repair=knows_any)
            looked_at(len(page))

    def _orphan(self, key: str, *, may_repair: bool) -> Finding:
        text = "no image has this original"
        if not may_repair:
            return Finding("original_orphan", key, text, why_not=EMPTY_DATABASE)
        return Finding("original_orphan", key, text, partial(delete_files, self._store, [key]))


def delete_files(store: ObjectStore, keys: list[str]) -> str:
    store.delete(keys)
    return "deleted" if len(keys) == 1 else f"{len(keys)} files deleted"


def _lost(name: str, image: StoredOriginal, text: str) -> Finding:
    return Finding(
        name,
        f"image {image.image_id}",
        f"its original {image.original_key} {text}",
        why_not="nothing can bring it back; a job of it that still waits will fail by itself",
    )


def _is_young(name: str) -> bool:
    """Names are ids, and ids begin with the time; of what has another name nobody knows the age."""
    return is_id(name) and made_at_ms(name) > time.time() * 1000 - _YOUNG_MS
