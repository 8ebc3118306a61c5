"""Links to veiled copies, for providers that fetch a picture themselves."""

import hashlib
import secrets
from collections.abc import Generator

from veilgate.domain.errors import ImageNotFound, LinkNotFound
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.races import ErasedMeanwhile
from veilgate.persistence.unit_of_work import Database
from veilgate.storage.keys import THUMBNAIL_SIDES_PX, thumbnail_key
from veilgate.storage.ports import ObjectStore, SigningStore

MEDIA_TYPE = "image/jpeg"
_TOKEN_BYTES = 32
# As `secrets` writes them; nothing else is looked for.
_TOKEN_LENGTH = 43


class SharedLinks:
    """Makes links that work for `works_s`: to the gateway, which callers reach at `base_url`; without one, to
    the object store, if it signs addresses. `signer` is None where it does not."""

    def __init__(
        self, database: Database, *, base_url: str, signer: SigningStore | None, works_s: int
    ) -> None:
        self._database = database
        self._base_url = base_url.rstrip("/")
        self._signer = signer
        self._works_s = works_s

    @property
    def can_be_made(self) -> bool:
        return bool(self._base_url) or self._signer is not None

    def make(self, image_id: str, result_key: str) -> str:
        """An address of the largest thumbnail of a result: a veiled JPEG without metadata, and nothing else
        can be linked. Raises `ImageNotFound`."""
        key = thumbnail_key(result_key, max(THUMBNAIL_SIDES_PX))
        if self._base_url:
            token = secrets.token_urlsafe(_TOKEN_BYTES)
            self._note(token, image_id, key)
            return f"{self._base_url}/shared/{token}"
        assert self._signer
        return self._signer.sign_get(key, media_type=MEDIA_TYPE, disposition="inline", works_s=self._works_s)

    @again_after_deadlock
    def _note(self, token: str, image_id: str, key: str) -> None:
        try:
            with self._database.write() as transaction:
                transaction.shared_links.insert(
                    _digest(token), image_id=image_id, object_key=key, works_ms=self._works_s * 1000
                )
        except ErasedMeanwhile:
            raise ImageNotFound from None


class SharedFiles:
    """What links lead to. All of it raises `LinkNotFound`, whatever the reason."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store

    def find(self, token: str) -> str:
        """The object that a link leads to. A link ends early when another result of its image is shown, which
        may be veiled more."""
        if len(token) != _TOKEN_LENGTH:
            raise LinkNotFound
        with self._database.read() as transaction:
            found = transaction.shared_links.find(_digest(token))
        if found is None or not found.key.startswith(found.shown_prefix):
            raise LinkNotFound
        return found.key

    def size_bytes(self, key: str) -> int:
        try:
            return self._store.size_bytes(key)
        except FileNotFoundError as error:
            raise LinkNotFound from error

    def open(self, key: str) -> tuple[int, Generator[bytes]]:
        """Size and bytes, which the caller closes."""
        try:
            return self._store.open_chunks(key)
        except FileNotFoundError as error:
            raise LinkNotFound from error


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
