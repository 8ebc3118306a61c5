"""That what was erased is gone, and originals whose time is over."""

from collections.abc import Iterator
from functools import partial

from veilgate.domain.errors import ObjectStoreUnavailable
from veilgate.persistence.erased_rows import ErasedRows
from veilgate.persistence.inventory import Inventory, StoredOriginal
from veilgate.persistence.tombstone_repository import Tombstone
from veilgate.persistence.unit_of_work import Database
from veilgate.services.images.erase import AskedBy, Erase
from veilgate.services.images.object_pages import PAGE, ask_of_each
from veilgate.services.verification.verification import Finding, LookedAt
from veilgate.storage.keys import job_prefix
from veilgate.storage.ports import ObjectStore

_VERIFY = AskedBy("cli:verify")


class ErasedLeftovers:
    """`erased_leftover`: of an image that was erased there is a row, or any version of a file.

    Files of one that is still being swept are on their way, unless nobody looks for them any more.
    """

    looks_at = "erased images"

    def __init__(self, database: Database, store: ObjectStore, *, patience_ms: int) -> None:
        self._database = database
        self._store = store
        self._patience_ms = patience_ms

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        last = ""
        while True:
            with self._database.read() as transaction:
                page = transaction.tombstones.after(last, limit=PAGE)
                tables = ErasedRows(transaction.connection).tables_with(
                    [stone.image_id for stone in page],
                    [job_id for stone in page for job_id in _job_ids(stone)],
                    owner_ids={stone.owner_id for stone in page},
                )
                now = transaction.now_ms()
            if not page:
                return
            last = page[-1].image_id
            is_due = [stone for stone in page if self._is_due(stone, now)]
            files = dict(zip(is_due, ask_of_each(self._files, is_due), strict=True))
            for stone in page:
                rows = {name for one in (stone.image_id, *_job_ids(stone)) for name in tables.get(one, ())}
                if left := [*sorted(rows), *files.get(stone, ())]:
                    yield self._finding(stone, left, has_rows=bool(rows))
            looked_at(len(page))

    def _is_due(self, stone: Tombstone, now: int) -> bool:
        return stone.look_at_ms is None or stone.look_at_ms < now - self._patience_ms

    def _files(self, stone: Tombstone) -> list[str]:
        return sorted({key for name in stone.objects for key in self._store.traces(name)})

    def _finding(self, stone: Tombstone, left: list[str], *, has_rows: bool) -> Finding:
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        text = f"was erased, and is still in {left[0]}{more}"
        repair = partial(self._erase, stone, has_rows=has_rows)
        return Finding("erased_leftover", f"image {stone.image_id}", text, repair)

    def _erase(self, stone: Tombstone, *, has_rows: bool) -> str:
        if has_rows:
            self._delete_rows(stone)
        self._store.erase(stone.objects)
        return "erased once more"

    def _delete_rows(self, stone: Tombstone) -> None:
        erase = Erase(self._database, self._store)
        if erase.is_there(stone.image_id):
            if not erase.erase(stone.image_id, stone.owner_id, _VERIFY).is_swept:
                raise ObjectStoreUnavailable
            return
        with self._database.write() as transaction:
            ErasedRows(transaction.connection).delete(
                stone.image_id, _job_ids(stone), owner_id=stone.owner_id
            )


class KeptOriginals:
    """`original_kept`: the row says that the original was deleted when its time was over, and it is there."""

    looks_at = "dropped originals"

    def __init__(self, database: Database, store: ObjectStore, *, patience_ms: int) -> None:
        self._database = database
        self._store = store
        self._patience_ms = patience_ms

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        last = ""
        while page := self._page(last):
            last = page[-1].image_id
            dropped = self._dropped(page)
            kept = zip(dropped, ask_of_each(self._is_kept, dropped), strict=True)
            yield from (self._finding(image) for image, is_kept in kept if is_kept)
            looked_at(len(dropped))

    def _page(self, last: str) -> list[StoredOriginal]:
        with self._database.read() as transaction:
            return Inventory(transaction.connection).originals_after(last, limit=PAGE)

    def _dropped(self, page: list[StoredOriginal]) -> list[StoredOriginal]:
        """Those of a while ago: the file goes a moment after the row is written."""
        with self._database.read() as transaction:
            moment = transaction.now_ms() - self._patience_ms
        return [image for image in page if image.dropped_at_ms is not None and image.dropped_at_ms < moment]

    def _is_kept(self, image: StoredOriginal) -> bool:
        return next(self._store.traces(image.original_key), None) is not None

    def _finding(self, image: StoredOriginal) -> Finding:
        text = f"its original {image.original_key} was dropped, and is still there"
        return Finding("original_kept", f"image {image.image_id}", text, partial(self._delete, image))

    def _delete(self, image: StoredOriginal) -> str:
        self._store.erase([image.original_key])
        return "deleted"


def _job_ids(stone: Tombstone) -> list[str]:
    prefix = job_prefix("").rstrip("/") + "/"
    return [name.removeprefix(prefix).rstrip("/") for name in stone.objects if name.startswith(prefix)]
