"""Taking in what is at an address: fetched once a request, then accepted as any upload."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from veilgate.domain.errors import RateLimited
from veilgate.domain.fetch_targets import FetchTarget
from veilgate.domain.options import UploadOptions
from veilgate.lookups.safe_fetch import SafeFetch
from veilgate.services.uploads.intake import AcceptedJob, Intake, Upload
from veilgate.services.uploads.received_file import ReceivedFile

# Of the 32 that a gateway makes at a time.
_MOST_OF_ONE_OWNER = 8
_RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class UrlUpload:
    """What a caller asked for. `image_url` is as they wrote it, `target` what we make of it."""

    image_url: str
    target: FetchTarget
    options: UploadOptions
    owner_id: str
    correlation_id: str | None

    @property
    def fingerprint(self) -> str:
        """Of the request, not of the picture: what is at an address changes and goes, and whoever asks again
        under the same Idempotency-Key is to have the same answer all the same."""
        parts = ("upload-url", self.image_url, self.options.as_json())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class UrlUploads:
    """The steps of one upload, in their order: `asked`, `answered_before`, and else `fetch` and `accept`."""

    def __init__(self, intake: Intake, fetcher: SafeFetch) -> None:
        self._intake = intake
        self._fetcher = fetcher
        self._under_way: Counter[str] = Counter()

    def asked(
        self, image_url: str, options: UploadOptions, *, owner_id: str, correlation_id: str | None
    ) -> UrlUpload:
        """Raises `UrlForbidden` for addresses that need not be tried."""
        target = self._fetcher.read_target(image_url)
        return UrlUpload(image_url, target, options, owner_id, correlation_id)

    def answered_before(self, asked: UrlUpload, idempotency_key: str) -> AcceptedJob | None:
        """The answer that was given under this key. Raises `IdempotencyConflict` if to another request."""
        return self._intake.earlier(
            asked.target.filename, idempotency_key, asked.owner_id, fingerprint=asked.fingerprint
        )

    @asynccontextmanager
    async def fetch(self, asked: UrlUpload, *, max_bytes: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes at the address. Raises `RateLimited` while too many fetches of this owner are under way:
        slow ones of one caller must not take all places from the others."""
        if self._under_way[asked.owner_id] >= _MOST_OF_ONE_OWNER:
            raise RateLimited("Too many addresses are being fetched for you.", retry_after_s=_RETRY_AFTER_S)
        self._under_way[asked.owner_id] += 1
        try:
            async with self._fetcher.open(asked.target, max_bytes=max_bytes) as chunks:
                yield chunks
        finally:
            self._under_way[asked.owner_id] -= 1
            if not self._under_way[asked.owner_id]:
                del self._under_way[asked.owner_id]

    def accept(self, asked: UrlUpload, file: ReceivedFile, *, idempotency_key: str | None) -> AcceptedJob:
        """Accept what was fetched, or answer as another request did that had the same key meanwhile."""
        upload = Upload(file, asked.target.filename, asked.options, asked.owner_id, asked.correlation_id)
        return self._intake.accept(upload, idempotency_key=idempotency_key, fingerprint=asked.fingerprint)
