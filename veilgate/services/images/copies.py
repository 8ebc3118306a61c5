"""The files of an image: the veiled copy, thumbnails, and the original."""

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from urllib.parse import urlsplit

from veilgate.domain.errors import ImageNotFound, OriginalDropped, ResultNotReady
from veilgate.domain.ids import is_id
from veilgate.domain.pictures import PictureFormat
from veilgate.persistence.records import ImageRecord
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.images.image_links import version_of
from veilgate.storage.keys import THUMBNAIL_SIDES_PX, processed_key, thumbnail_key
from veilgate.storage.ports import ObjectStore, SigningStore


@dataclass(frozen=True, slots=True)
class FileCopy:
    """A file to hand out, not opened yet. `etag` changes when the bytes behind the same address do.

    `version` is what an address carries behind which they never do; originals have none, because nobody but
    their owner may keep them.
    """

    key: str
    media_type: str
    filename: str
    version: str | None = None

    @property
    def etag(self) -> str:
        # Keys are never written twice with other bytes, so the key itself tells versions apart.
        return f'"{hashlib.sha256(self.key.encode()).hexdigest()[:32]}"'


class Copies:
    """With a `signer`, callers are sent to the object store itself."""

    def __init__(self, database: Database, store: ObjectStore, *, signer: SigningStore | None = None) -> None:
        self._database = database
        self._store = store
        self._signer = signer

    def processed(self, image_id: str, owner_id: str) -> FileCopy:
        image, prefix = self._current(image_id, owner_id)
        kind = PictureFormat(image.format).served_as
        key = processed_key(prefix, kind.suffix)
        return FileCopy(key, kind.media_type, f"{image_id}.{kind.suffix}", version_of(prefix))

    def thumbnail(self, image_id: str, owner_id: str, *, side_px: int) -> FileCopy:
        """The smallest thumbnail that is at least that large, else the largest."""
        _, prefix = self._current(image_id, owner_id)
        side = min((side for side in THUMBNAIL_SIDES_PX if side >= side_px), default=max(THUMBNAIL_SIDES_PX))
        filename = f"{image_id}-{side}.jpg"
        return FileCopy(thumbnail_key(prefix, side), "image/jpeg", filename, version_of(prefix))

    def original(self, image_id: str, owner_id: str) -> FileCopy:
        with self._database.read() as transaction:
            image = _existing(transaction, image_id, owner_id)
        if image.original_dropped_at_ms is not None:
            raise OriginalDropped
        kind = PictureFormat(image.format)
        return FileCopy(image.original_key, kind.media_type, f"{image_id}-original.{kind.suffix}")

    def open(self, copy: FileCopy) -> tuple[int, Generator[bytes]]:
        """Size and bytes of a copy, which the caller closes."""
        try:
            return self._store.open_chunks(copy.key)
        except FileNotFoundError as error:
            raise ResultNotReady("The file is not in the object store.") from error

    def open_range(self, copy: FileCopy, first: int, last: int) -> Generator[bytes]:
        """These bytes of a copy, which the caller closes."""
        try:
            return self._store.open_range(copy.key, first, last)
        except FileNotFoundError as error:
            raise ResultNotReady("The file is not in the object store.") from error

    def size_bytes(self, copy: FileCopy) -> int:
        try:
            return self._store.size_bytes(copy.key)
        except FileNotFoundError as error:
            raise ResultNotReady("The file is not in the object store.") from error

    def address(self, copy: FileCopy, *, disposition: str) -> str | None:
        """Where the object store itself hands the copy out for a while, if callers are to go there."""
        if self._signer is None:
            return None
        return self._signer.sign_get(copy.key, media_type=copy.media_type, disposition=disposition)

    @property
    def elsewhere(self) -> str | None:
        """The origin of the addresses to which callers are sent, if they are."""
        if self._signer is None:
            return None
        address = urlsplit(self._signer.sign_get("any", media_type="image/jpeg", disposition="inline"))
        return f"{address.scheme}://{address.netloc}"

    def _current(self, image_id: str, owner_id: str) -> tuple[ImageRecord, str]:
        with self._database.read() as transaction:
            image = _existing(transaction, image_id, owner_id)
            if image.current_job_id is None:
                raise ResultNotReady
            job = transaction.jobs.get(image.current_job_id, owner_id=owner_id)
        if job is None or job.result_key is None:
            raise ResultNotReady
        return image, job.result_key


def _existing(transaction: Transaction, image_id: str, owner_id: str) -> ImageRecord:
    image = transaction.images.get(image_id, owner_id=owner_id) if is_id(image_id) else None
    if image is None:
        raise ImageNotFound
    return image
