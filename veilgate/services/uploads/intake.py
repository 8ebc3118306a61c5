"""Accepting a picture: checked, stored and written down before the caller hears of it."""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from veilgate.domain.errors import VeilgateError
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobKind, JobStatus, Lane
from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureHeader, PictureLimits
from veilgate.domain.rejections import EmptyFile, IdempotencyConflict
from veilgate.imaging.sniff import inspect_picture
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.dedup_keys import KeyHolder, read_holder
from veilgate.persistence.new_uploads import NewUpload
from veilgate.persistence.races import ErasedMeanwhile, UploadedByAnother, WrittenByAnother
from veilgate.persistence.records import DueJob, JobRecord, NewEvent, NewImage, NewJob
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.jobs.lookup_jobs import LookupJobs
from veilgate.services.uploads.deduplication import dedup_key
from veilgate.services.uploads.received_file import ReceivedFile
from veilgate.services.uploads.shared_commit import Entry, SharedCommit
from veilgate.storage.keys import original_key
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
# How often an upload may find that another was quicker, of the same picture or with the same key, and that
# nothing is left of it by the time that we look.
MOST_TRIES = 3
ERASED_EACH_TIME = "Others used this Idempotency-Key at the same time, and were erased: send it again."


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
    """What became of an upload, in the words of the answer.

    `is_new` is False when nothing was made: an Idempotency-Key gave an earlier answer again, or the job of an
    earlier upload of the same picture does for this one too (`deduplicated`).
    """

    job_id: str
    lane: Lane
    filename: str
    file_size: int
    is_new: bool
    deduplicated: bool = False
    status: JobStatus = JobStatus.SUBMITTED
    # A lookup that was made for it, because the picture it joined is veiled already.
    lookup: DueJob | None = None


# Writes what belongs to an upload, in the transaction that writes the upload or joins it to an earlier one.
Beside = Callable[[Transaction, AcceptedJob], None]


class Intake:
    """Takes pictures in. `accept` returns only when original and row survive a kill of every process.

    `models` says what results are made with, for `dedup_key`.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        *,
        limits: PictureLimits,
        models: str,
        lookups: LookupJobs | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._limits = limits
        self._models = models
        self._lookups = lookups or LookupJobs()
        self._commits = SharedCommit(database)

    def accept(
        self, upload: Upload, *, idempotency_key: str | None = None, fingerprint: str | None = None
    ) -> AcceptedJob:
        """Accept a single upload, or answer as before when its key was used for the same request, which its
        `fingerprint` tells; by default that of what was sent."""
        fingerprint = fingerprint or upload.fingerprint
        header = self.inspect(upload.file)
        if idempotency_key is None:
            return self._store_and_write(upload, header, Lane.INTERACTIVE, beside=None)
        look = partial(
            self.earlier, upload.filename, idempotency_key, upload.owner_id, fingerprint=fingerprint
        )

        def bind_key(transaction: Transaction, job: AcceptedJob) -> None:
            transaction.idempotency.insert(
                idempotency_key,
                owner_id=upload.owner_id,
                fingerprint=fingerprint,
                job_id=job.job_id,
                deduplicated=job.deduplicated,
            )

        for _ in range(MOST_TRIES):
            if earlier := look():
                return earlier
            # Whoever bound the key a moment before us may have been erased since, and then it is free again.
            with suppress(WrittenByAnother):
                return self._store_and_write(upload, header, Lane.INTERACTIVE, beside=bind_key)
        if earlier := look():
            return earlier
        raise IdempotencyConflict(ERASED_EACH_TIME)

    def inspect_and_store(self, upload: Upload, lane: Lane, *, beside: Beside) -> AcceptedJob:
        """Accept one file; `beside` writes what it is part of, as an item of a batch."""
        return self._store_and_write(upload, self.inspect(upload.file), lane, beside=beside)

    def _store_and_write(
        self, upload: Upload, header: PictureHeader, lane: Lane, *, beside: Beside | None
    ) -> AcceptedJob:
        """Join the job that the same picture has, else store the original and write its rows."""
        dedup = dedup_key(upload.owner_id, upload.file.sha256, upload.options, models=self._models)
        holder = None if self._database.dedup_keys.is_free(dedup) else self._holder(dedup)
        tries = 0
        while not (holder and holder.stands):
            tries += 1
            # In the end without a key: nobody can be quicker then, and this job stands for no other upload.
            key = dedup if tries <= MOST_TRIES else None
            try:
                return self._store_anew(
                    upload, header, lane, beside=beside, dedup=key, releases_key=holder is not None
                )
            except UploadedByAnother:
                holder = self._holder(dedup)
        try:
            return self._join(upload, holder, beside)
        except ErasedMeanwhile:
            return self._store_and_write(upload, header, lane, beside=beside)

    def _store_anew(
        self,
        upload: Upload,
        header: PictureHeader,
        lane: Lane,
        *,
        beside: Beside | None,
        dedup: str | None,
        releases_key: bool,
    ) -> AcceptedJob:
        """Raises `UploadedByAnother`, with nothing left behind, when somebody was quicker."""
        image_id = new_id()
        key = original_key(image_id, accepted_epoch_s=time.time())
        lane = upload.options.priority or lane
        upload.file.store_in(self._store, key, media_type=header.format.media_type)
        failpoint("after_put", image_id)
        accepted = AcceptedJob(image_id, lane, upload.filename, upload.file.size, is_new=True)
        self._write(
            Entry(
                _rows(upload, header, lane=lane, image_id=image_id, key=key, dedup=dedup),
                lambda transaction: beside(transaction, accepted) if beside else None,
                releases_key=releases_key,
            )
        )
        failpoint("after_commit", image_id)
        return accepted

    def _write(self, entry: Entry) -> None:
        """Commit the rows in one transaction, or none of it.

        When the commit itself fails its end is unknown, and the object stays: the row may be there. An object
        without a row is removed by housekeeping after two days.
        """
        try:
            self._commits.write(entry)
        except (VeilgateError, WrittenByAnother):
            if not entry.may_be_written:
                self._discard(entry.rows.image.original_key)
            raise

    def _holder(self, key: str) -> KeyHolder | None:
        with self._database.read() as transaction:
            return read_holder(transaction.connection, key)

    def _join(self, upload: Upload, holder: KeyHolder, beside: Beside | None) -> AcceptedJob:
        job = AcceptedJob(holder.job_id, holder.lane, upload.filename, upload.file.size, is_new=False)
        job = replace(job, deduplicated=True, status=holder.status)
        if not beside and not upload.options.lookups:
            return job
        return replace(job, lookup=self._write_beside(job, beside, lookups=upload.options.lookups))

    @again_after_deadlock
    def _write_beside(self, job: AcceptedJob, beside: Beside | None, *, lookups: bool) -> DueJob | None:
        """What belongs to an upload that joins this job; the lookup of it that has to be made now, if any."""
        with self._database.write() as transaction:
            if not transaction.jobs.hold(job.job_id):
                raise ErasedMeanwhile
            if beside:
                beside(transaction, job)
            return self._lookups.follow(transaction, job.job_id) if lookups else None

    def has_answered(self, key: str, owner_id: str) -> bool:
        """Whether this Idempotency-Key has been used."""
        with self._database.read() as transaction:
            return transaction.idempotency.get(key, owner_id=owner_id) is not None

    def _discard(self, key: str) -> None:
        """Every version of it: of an original without a row nobody would know that it is still there."""
        try:
            self._store.erase([key])
        except VeilgateError as error:  # the caller hears why the upload failed; housekeeping removes this
            _log.warning("upload.original_left", error=error.code)

    def inspect(self, file: ReceivedFile) -> PictureHeader:
        """Judge a file without keeping it. Raises an `InputRejected` leaf."""
        if not file.size:
            raise EmptyFile
        with file.content() as data:
            return inspect_picture(data, self._limits)

    def earlier(self, filename: str, key: str, owner_id: str, *, fingerprint: str) -> AcceptedJob | None:
        """What was answered under this key. Raises `IdempotencyConflict` if that was to another request."""
        with self._database.read() as transaction:
            earlier = earlier_job(transaction, key, owner_id, fingerprint=fingerprint)
        # The job may be that of an earlier upload, under another name.
        return replace(earlier, filename=filename) if earlier else None


def earlier_job(transaction: Transaction, key: str, owner_id: str, *, fingerprint: str) -> AcceptedJob | None:
    """What was answered under this Idempotency-Key. Raises `IdempotencyConflict` if to another request."""
    record = transaction.idempotency.get(key, owner_id=owner_id)
    if record is None:
        return None
    if record.fingerprint != fingerprint or record.job_id is None:
        raise IdempotencyConflict
    job = transaction.jobs.get(record.job_id, owner_id=owner_id)
    # Its image may have been erased since we read the key.
    return answered_before(job, job.filename, deduplicated=record.deduplicated) if job else None


def answered_before(job: JobRecord, filename: str, *, deduplicated: bool) -> AcceptedJob:
    """An earlier answer once more: the same of a job that was new then, and of one that was joined where it
    stands now."""
    answer = AcceptedJob(job.id, job.lane, filename, job.file_size, is_new=False)
    if not deduplicated:
        return answer
    return replace(answer, deduplicated=True, status=job.status)


def _rows(
    upload: Upload, header: PictureHeader, *, lane: Lane, image_id: str, key: str, dedup: str | None
) -> NewUpload:
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
            dedup_key=dedup,
            then_lookup=upload.options.lookups,
        ),
        NewEvent("job", "submitted", json.dumps(payload)),
    )
