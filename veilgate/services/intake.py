"""Accepting a picture: checked, stored and written down before the caller hears of it."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from veilgate.domain.errors import EmptyFile, IdempotencyConflict, VeilgateError
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobKind, Lane
from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureHeader, PictureLimits
from veilgate.imaging.sniff import inspect_picture
from veilgate.persistence.new_uploads import NewUpload
from veilgate.persistence.races import WrittenByAnother
from veilgate.persistence.records import NewEvent, NewImage, NewJob
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.received_file import ReceivedFile
from veilgate.services.shared_commit import Entry, SharedCommit
from veilgate.storage.keys import original_key
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Upload:
    """One received file and what its sender wants of it."""

    file: ReceivedFile
    filename: str
    options: UploadOptions
    owner_id: str
    correlation_id: str | None

    @property
    def fingerprint(self) -> str:
        parts = ("upload", self.file.sha256, self.filename, self.options.as_json())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AcceptedJob:
    """`is_new` is False when an Idempotency-Key gave an earlier answer again."""

    job_id: str
    lane: Lane
    filename: str
    file_size: int
    is_new: bool


class Intake:
    """Takes pictures in. `accept` returns only when original and row survive a kill of every process."""

    def __init__(self, database: Database, store: ObjectStore, *, limits: PictureLimits) -> None:
        self._database = database
        self._store = store
        self._limits = limits
        self._commits = SharedCommit(database)

    def accept(self, upload: Upload, *, idempotency_key: str | None = None) -> AcceptedJob:
        """Accept a single upload, or answer as before when its key was used for the same request."""
        header = self._inspect(upload.file)
        if idempotency_key and (earlier := self._earlier(upload, idempotency_key)):
            return earlier

        def bind_key(transaction: Transaction, job_id: str) -> None:
            if idempotency_key:
                transaction.idempotency.insert(
                    idempotency_key, owner_id=upload.owner_id, fingerprint=upload.fingerprint, job_id=job_id
                )

        try:
            return self.store_and_write(upload, header, Lane.INTERACTIVE, beside=bind_key)
        except WrittenByAnother:
            assert idempotency_key
            earlier = self._earlier(upload, idempotency_key)
            assert earlier
            return earlier

    def inspect_and_store(
        self, upload: Upload, lane: Lane, *, beside: Callable[[Transaction, str], None]
    ) -> AcceptedJob:
        """Accept one file of a batch; `beside` writes its item in the same transaction."""
        return self.store_and_write(upload, self._inspect(upload.file), lane, beside=beside)

    def store_and_write(
        self, upload: Upload, header: PictureHeader, lane: Lane, *, beside: Callable[[Transaction, str], None]
    ) -> AcceptedJob:
        """Store the original, then write image and job in one transaction.

        When the commit itself fails its end is unknown, and the object stays: the row may be there. An object
        without a row is removed by housekeeping after two days.
        """
        image_id = new_id()
        key = original_key(image_id, accepted_epoch_s=time.time())
        media_type, lane = header.format.media_type, upload.options.priority or lane
        upload.file.store_in(self._store, key, media_type=media_type)
        entry = Entry(
            _rows(upload, header, lane=lane, image_id=image_id, key=key),
            lambda transaction: beside(transaction, image_id),
        )
        try:
            self._commits.write(entry)
        except (VeilgateError, WrittenByAnother):
            if not entry.may_be_written:
                self._discard(key)
            raise
        return AcceptedJob(image_id, lane, upload.filename, upload.file.size, is_new=True)

    def has_answered(self, key: str, owner_id: str) -> bool:
        """Whether this Idempotency-Key has been used."""
        with self._database.read() as transaction:
            return transaction.idempotency.get(key, owner_id=owner_id) is not None

    def _discard(self, key: str) -> None:
        try:
            self._store.delete([key])
        except VeilgateError as error:  # the caller hears why the upload failed; housekeeping removes this
            _log.warning("upload.original_left", error=error.code)

    def _inspect(self, file: ReceivedFile) -> PictureHeader:
        if not file.size:
            raise EmptyFile
        with file.content() as data:
            return inspect_picture(data, self._limits)

    def _earlier(self, upload: Upload, key: str) -> AcceptedJob | None:
        with self._database.read() as transaction:
            return earlier_job(transaction, key, upload.owner_id, fingerprint=upload.fingerprint)


def earlier_job(transaction: Transaction, key: str, owner_id: str, *, fingerprint: str) -> AcceptedJob | None:
    """The job that this Idempotency-Key made. Raises `IdempotencyConflict` when it was another request's."""
    record = transaction.idempotency.get(key, owner_id=owner_id)
    if record is None:
        return None
    if record.fingerprint != fingerprint or record.job_id is None:
        raise IdempotencyConflict
    job = transaction.jobs.get(record.job_id, owner_id=owner_id)
    assert job
    return AcceptedJob(job.id, job.lane, job.filename, job.file_size, is_new=False)


def _rows(upload: Upload, header: PictureHeader, *, lane: Lane, image_id: str, key: str) -> NewUpload:
    payload = {"filename": upload.filename, "file_size": upload.file.size}
    return NewUpload(
        NewImage(
            id=image_id,
            owner_id=upload.owner_id,
            sha256=upload.file.sha256,
            filename=upload.filename,
            file_size=upload.file.size,
            format=header.format,
            width=header.width,
            height=header.height,
            original_key=key,
        ),
        NewJob(
            id=image_id,  # an image's first veil job has the image's id
            owner_id=upload.owner_id,
            image_id=image_id,
            kind=JobKind.VEIL,
            lane=lane,
            options=upload.options.as_json(),
            correlation_id=upload.correlation_id,
        ),
        NewEvent("job", "submitted", json.dumps(payload)),
    )
