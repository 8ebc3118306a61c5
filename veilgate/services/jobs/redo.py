"""Doing an image again with other options, from the original that is stored."""

import hashlib
import json

from veilgate.domain.errors import ImageNotFound, OriginalDropped
from veilgate.domain.ids import is_id, new_id
from veilgate.domain.jobs import JobKind, Lane
from veilgate.domain.options import UploadOptions
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.races import WrittenByAnother
from veilgate.persistence.records import ImageRecord, NewEvent, NewJob
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.uploads.intake import AcceptedJob, earlier_job


class Redo:
    """Makes new jobs for stored images. Until such a job completes the earlier result is shown; of several,
    the one asked for last is shown, whichever ends last.

    An upload of the same picture afterwards makes an image of its own: it must not be answered with an image
    that shows what other options made of it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @again_after_deadlock
    def redo(
        self,
        image_id: str,
        owner_id: str,
        options: UploadOptions,
        *,
        correlation_id: str | None,
        idempotency_key: str | None = None,
    ) -> AcceptedJob:
        """A new job for this image, or the one that this key made. Raises `ImageNotFound`."""
        fingerprint = hashlib.sha256(f"redo\n{image_id}\n{options.as_json()}".encode()).hexdigest()
        try:
            with self._database.write() as transaction:
                image = _existing(transaction, image_id, owner_id)
                if idempotency_key and (
                    earlier := earlier_job(transaction, idempotency_key, owner_id, fingerprint=fingerprint)
                ):
                    return earlier
                job = _insert(transaction, image, options, correlation_id=correlation_id)
                if idempotency_key:
                    transaction.idempotency.insert(
                        idempotency_key, owner_id=owner_id, fingerprint=fingerprint, job_id=job.job_id
                    )
                return job
        except WrittenByAnother:
            assert idempotency_key
            with self._database.read() as transaction:
                earlier = earlier_job(transaction, idempotency_key, owner_id, fingerprint=fingerprint)
            if earlier is None:  # and the image was erased since
                raise ImageNotFound from None
            return earlier


def _existing(transaction: Transaction, image_id: str, owner_id: str) -> ImageRecord:
    image = transaction.images.get(image_id, owner_id=owner_id) if is_id(image_id) else None
    if image is None:
        raise ImageNotFound
    if image.original_dropped_at_ms is not None:
        raise OriginalDropped
    return image


def _insert(
    transaction: Transaction, image: ImageRecord, options: UploadOptions, *, correlation_id: str | None
) -> AcceptedJob:
    # Ids say which request is the newest, and are made by the clocks of many hosts.
    job_id = new_id(after=transaction.jobs.supersede_those_of(image.id))
    # Who erases it, or drops its original, holds its jobs first: what is found now, stays until we commit.
    _existing(transaction, image.id, image.owner_id)
    lane = options.priority or Lane.INTERACTIVE
    transaction.jobs.insert(
        NewJob(
            id=job_id,
            owner_id=image.owner_id,
            image_id=image.id,
            kind=JobKind.VEIL,
            lane=lane,
            options=options.as_json(),
            correlation_id=correlation_id,
            then_lookup=options.lookups,
        )
    )
    payload = {"filename": image.filename, "file_size": image.file_size, "redo": True}
    transaction.events.insert_first(job_id, NewEvent("job", "submitted", json.dumps(payload)))
    return AcceptedJob(job_id, lane, image.filename, image.file_size, is_new=True)
