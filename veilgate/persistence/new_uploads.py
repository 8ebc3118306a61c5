"""The rows of accepted uploads, many in one go: each has an image, a first job and that job's first event."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from database_models import jobs, processed_images, stage_events
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.clock import now_ms
from veilgate.persistence.races import UploadedByAnother
from veilgate.persistence.records import NewEvent, NewImage, NewJob

# Made once. Every value is bound, the time too: with an expression among them PyMySQL would send a statement
# for each row instead of one for all.
_NOW = select(now_ms())
_INSERT_IMAGES = processed_images.insert()
_INSERT_JOBS = jobs.insert()
_INSERT_EVENTS = stage_events.insert()


@dataclass(frozen=True, slots=True)
class NewUpload:
    """What one accepted upload adds to the database."""

    image: NewImage
    job: NewJob
    event: NewEvent


def insert_uploads(connection: Connection, uploads: Sequence[NewUpload]) -> None:
    """Three statements, however many uploads. Raises `UploadedByAnother` when a job has the de-duplication
    key of one of them."""
    now = int(connection.execute(_NOW).scalar_one())
    connection.execute(_INSERT_IMAGES, [_image_row(upload.image, now) for upload in uploads])
    try:
        connection.execute(_INSERT_JOBS, [_job_row(upload.job, now) for upload in uploads])
    except IntegrityError as error:
        if jobs.c.dedup_key.name not in str(error.orig):
            raise
        raise UploadedByAnother from error
    connection.execute(_INSERT_EVENTS, [_event_row(upload, now) for upload in uploads])


def _image_row(image: NewImage, now: int) -> dict[str, Any]:
    return {**_fields(image), "created_at_ms": now, "updated_at_ms": now}


def _job_row(job: NewJob, now: int) -> dict[str, Any]:
    return {
        **_fields(job),
        "status": JobStatus.SUBMITTED,
        "fence": 0,
        "attempts": 0,
        "deliveries": 0,
        "suspect": False,
        "ran_alone": False,
        "event_seq": 1,
        "not_before_ms": now,
        "created_at_ms": now,
        "updated_at_ms": now,
    }


def _event_row(upload: NewUpload, now: int) -> dict[str, Any]:
    return {"job_id": upload.job.id, "seq": 1, "attempt": 0, **_fields(upload.event), "created_at_ms": now}


def _fields(record: NewImage | NewJob | NewEvent) -> dict[str, Any]:
    """As `dataclasses.asdict`, which copies deeply and takes ten times as long."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
