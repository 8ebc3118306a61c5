"""Originals against images: each image has the file that was sent, and no file is without an image."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from veilgate.persistence.inventory import Inventory, StoredOriginal
from veilgate.persistence.unit_of_work import Database
from veilgate.services.images.object_pages import PAGE, ask_of_each, pages, size_of
from veilgate.services.verification.verification import Finding, LookedAt
from veilgate.services.verification.verify_keys import OriginalName, original_name, unknown_object
from veilgate.storage.ports import ObjectStore

# An original is stored before its row is written, and filed under the gateway's day. Two days are what
# housekeeping waits as well: clocks that far apart are a broken house.
_OLD = timedelta(days=2)
_LOST = "nothing can bring it back; a job of it that still waits will fail by itself"
_HOUSEKEEPING = "housekeeping removes it while its day is of the last month; what is older is yours to judge"


class LostOriginals:
    """`original_missing`, `original_size`, and with `deep`, which reads every byte, `original_sha256`.

    Nothing brings an original back but its sender: who sends the picture again must not be answered with the
    result of before.
    """

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
        if image.dropped_at_ms is not None:
            return None
        size = size_of(self._store, image.original_key)
        if size is None:
            text = "is not in the object store; once repaired, sending the picture again stores it anew"
            return self._lost("original_missing", image, text)
        if size != image.file_size:
            return self._lost("original_size", image, f"has {size} bytes, not {image.file_size}")
        if self._deep and self._sha256(image.original_key) != image.sha256:
            return self._lost("original_sha256", image, "holds other bytes than were sent")
        return None

    def _sha256(self, key: str) -> str:
        digest = hashlib.sha256()
        for chunk in self._store.open_chunks(key)[1]:
            digest.update(chunk)
        return digest.hexdigest()

    def _lost(self, name: str, image: StoredOriginal, text: str) -> Finding:
        return Finding(
            name,
            f"image {image.image_id}",
            f"its original {image.original_key} {text}",
            why_not=_LOST,
            relieve=partial(self._release_keys, image.image_id),
        )

    def _release_keys(self, image_id: str) -> None:
        with self._database.write() as transaction:
            Inventory(transaction.connection).release_dedup_keys_of(image_id)


class OrphanOriginals:
    """`original_orphan`: no image has this original, and its day is two days past by the database's clock.
    Also where the bucket hides it, because it was deleted by its key and has kept its versions.

    It may be the only copy of somebody's picture, so that it is never deleted here. `object_unknown`: what
    lies among the originals and is none.
    """

    looks_at = "originals"

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        told = set[str]()
        for page in pages(self._store.traces("original/")):
            # Of what has versions the key comes more than once, and perhaps on two pages.
            names = {key: original_name(key) for key in page if key not in told}
            yield from (unknown_object(key) for key, name in names.items() if name is None)
            suspects = self._orphans({key: name for key, name in names.items() if name})
            for key in self._orphans(suspects):
                told.add(key)
                yield Finding("original_orphan", key, "no image has this original", why_not=_HOUSEKEEPING)
            looked_at(len(page))

    def _orphans(self, originals: dict[str, OriginalName]) -> dict[str, OriginalName]:
        if not originals:
            return {}
        with self._database.read() as transaction:
            today = datetime.fromtimestamp(transaction.now_ms() / 1000, UTC).date()
            images = Inventory(transaction.connection).originals_of([n.image_id for n in originals.values()])
        known = {image.original_key for image in images}
        return {k: name for k, name in originals.items() if k not in known and today - name.day >= _OLD}
