"""Uploads whose bytes go straight to the object store: announced, put by the caller, verified, accepted."""

import time
from dataclasses import dataclass
from typing import Any

from veilgate.domain.errors import UploadNotFound, VeilgateError
from veilgate.domain.ids import is_id, new_id
from veilgate.domain.jobs import Lane
from veilgate.domain.options import UploadOptions
from veilgate.domain.rejections import (
    DirectUploadsUnavailable,
    EmptyFile,
    FileTooLarge,
    InputRejected,
    UploadIncomplete,
    UploadMismatch,
)
from veilgate.persistence.races import WrittenByAnother
from veilgate.persistence.records import DirectUploadRecord, NewDirectUpload
from veilgate.persistence.unit_of_work import Database
from veilgate.services.uploads.intake import AcceptedJob, Intake, Upload, answered_before
from veilgate.services.uploads.spool import Spool, SpooledFile
from veilgate.storage.keys import announced_key
from veilgate.storage.ports import SigningStore
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a caller is going to put. `sha256` is 64 lower-case hexadecimal digits."""

    filename: str
    file_size: int
    sha256: str
    options: UploadOptions
    owner_id: str


class DirectUploads:
    """`store` is None where objects are files in a folder, which callers cannot reach."""

    def __init__(
        self,
        database: Database,
        intake: Intake,
        spool: Spool,
        *,
        store: SigningStore | None,
        max_file_bytes: int,
    ) -> None:
        self._database = database
        self._intake = intake
        self._spool = spool
        self._given_store = store
        self._max_file_bytes = max_file_bytes

    def announce(self, given: Announcement) -> dict[str, Any]:
        """The answer of `POST /uploads`: where to put the file, and until when."""
        store = self._store()
        if given.file_size == 0:
            raise EmptyFile
        if given.file_size > self._max_file_bytes:
            raise FileTooLarge(f"A file may have at most {self._max_file_bytes} bytes.")
        upload_id = new_id()
        key = announced_key(upload_id)
        expires_at = int(time.time()) + store.signed_url_s
        put = store.sign_put(key, size_bytes=given.file_size, sha256=given.sha256)
        upload = NewDirectUpload(
            id=upload_id,
            owner_id=given.owner_id,
            filename=given.filename,
            file_size=given.file_size,
            sha256=given.sha256,
            options=given.options.as_json(),
            object_key=key,
        )
        with self._database.write() as transaction:
            transaction.direct_uploads.insert(upload)
        return {
            "upload_id": upload_id,
            "method": "PUT",
            "url": put.url,
            "headers": dict(put.headers),
            "expires_at": expires_at,
            "complete": f"/uploads/{upload_id}/complete",
        }

    def complete(self, upload_id: str, owner_id: str, *, correlation_id: str | None) -> AcceptedJob:
        """Verify and accept what was put. However often it is called, one job comes of an upload."""
        store = self._store()
        announced, earlier = self._find(upload_id, owner_id)
        if earlier:
            return earlier
        try:
            return self._take(store, announced, correlation_id)
        except (UploadIncomplete, WrittenByAnother):
            # Another call for the same upload may have taken it, and the object, from under us.
            _, earlier = self._find(upload_id, owner_id)
            if earlier is None:
                raise
            return earlier

    def _take(
        self, store: SigningStore, announced: DirectUploadRecord, correlation_id: str | None
    ) -> AcceptedJob:
        """Accept the file from the spool, as any upload.

        A copy made by the store would save sending the bytes once more; but the signed address still works,
        what is accepted must be what was verified, and not every store can copy on that condition.
        """
        with self._spool.open() as file:
            _receive(store, announced, file)
            upload = Upload(
                file,
                announced.filename,
                UploadOptions.from_json(announced.options),
                announced.owner_id,
                correlation_id,
            )
            try:
                job = self._intake.inspect_and_store(
                    upload,
                    Lane.INTERACTIVE,
                    beside=lambda transaction, job: transaction.direct_uploads.bind(
                        announced.id, job.job_id, deduplicated=job.deduplicated
                    ),
                )
            except InputRejected:
                _discard(store, announced)
                raise
        _discard(store, announced)
        return job

    def _find(self, upload_id: str, owner_id: str) -> tuple[DirectUploadRecord, AcceptedJob | None]:
        """The announced upload, and its job if there is one."""
        if not is_id(upload_id):
            raise UploadNotFound
        with self._database.read() as transaction:
            announced = transaction.direct_uploads.get(upload_id, owner_id=owner_id)
            if announced is None:
                raise UploadNotFound
            if announced.job_id is None:
                return announced, None
            job = transaction.jobs.get(announced.job_id, owner_id=owner_id)
        if job is None:  # erased a moment ago, and the upload with it
            raise UploadNotFound
        return announced, answered_before(job, announced.filename, deduplicated=announced.deduplicated)

    def _store(self) -> SigningStore:
        if self._given_store is None:
            raise DirectUploadsUnavailable
        return self._given_store


def _receive(store: SigningStore, announced: DirectUploadRecord, file: SpooledFile) -> None:
    """Read what was put, once. Raises `UploadIncomplete`, or removes it and raises `UploadMismatch`."""
    try:
        size, chunks = store.open_chunks(announced.object_key)
    except FileNotFoundError:
        raise UploadIncomplete from None
    if size != announced.file_size:
        _discard(store, announced)
        raise UploadMismatch(
            f"{size} bytes were put where {announced.file_size} were announced; they are gone, put again."
        )
    for chunk in chunks:
        file.write(chunk)
    if file.sha256 != announced.sha256:
        _discard(store, announced)
        raise UploadMismatch("What was put has another SHA-256 than announced; it is gone, put again.")


def _discard(store: SigningStore, announced: DirectUploadRecord) -> None:
    try:
        store.delete([announced.object_key])
    except VeilgateError as error:  # the caller hears what matters; housekeeping comes by later
        _log.warning("direct_upload.object_left", error=error.code)
