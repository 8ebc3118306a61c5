"""Lookups as jobs of an image: who wants one, which stands, and whose answers are shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.exc import IntegrityError

from database_models import jobs, processed_images
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobKind, JobStatus, Lane
from veilgate.persistence.clock import now_ms
from veilgate.persistence.job_repository import JobRepository
from veilgate.persistence.records import NewJob

_I, _J = processed_images.c, jobs.c


@dataclass(frozen=True, slots=True)
class WantedLookup:
    """An image whose subject is to be looked up."""

    image_id: str
    owner_id: str
    lane: Lane
    correlation_id: str | None


@dataclass(frozen=True, slots=True)
class ImageJobState:
    """One of an image's jobs, and where it stands."""

    id: str
    lane: Lane
    status: JobStatus


class LookupRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def want(self, job_id: str) -> JobStatus:
        """A lookup is to follow this job, whose row is held; where that stands. Of one that has completed
        nobody asks any more: that is for whoever asks now."""
        self._connection.execute(update(jobs).where(_J.id == job_id).values(then_lookup=True))
        status = self._connection.execute(select(_J.status).where(_J.id == job_id)).scalar_one()
        return JobStatus(status)

    def wanted_by(self, job_ids: Sequence[str]) -> list[WantedLookup]:
        """Those of these jobs that a lookup is to follow."""
        rows = self._connection.execute(
            select(_J.image_id, _J.owner_id, _J.lane, _J.correlation_id).where(
                _J.id.in_(job_ids), _J.then_lookup.is_(True)
            )
        )
        return [WantedLookup(row.image_id, row.owner_id, Lane(row.lane), row.correlation_id) for row in rows]

    def newest_of(self, image_id: str, *, kind: JobKind = JobKind.LOOKUP) -> ImageJobState | None:
        """Of the image's jobs of this kind, the one that was asked for last."""
        rows = self._connection.execute(
            select(_J.id, _J.lane, _J.status).where(_J.image_id == image_id, _J.kind == kind)
        )
        # Sorted here: asked for an order, a server may go through all jobs in that order instead.
        jobs = (ImageJobState(row.id, Lane(row.lane), JobStatus(row.status)) for row in rows)
        return max(jobs, key=lambda job: job.id, default=None)

    def shown_results(self, image_id: str) -> str | None:
        """What was found by the lookup whose answers are shown, as JSON."""
        return self._connection.execute(
            select(_J.results).join(processed_images, _I.current_lookup_id == _J.id).where(_I.id == image_id)
        ).scalar_one_or_none()

    def release_keys_of(self, image_id: str) -> None:
        """None of the image's lookups stands for it any more: the next one asks anew."""
        self._connection.execute(
            update(jobs).where(_J.image_id == image_id, _J.kind == JobKind.LOOKUP).values(dedup_key=None)
        )

    def insert(self, wanted: WantedLookup, *, dedup_key: str) -> str | None:
        """A new job's id, or None when another was inserted with this key a moment ago."""
        # Ids say which request is the newest, and are made by the clocks of many hosts.
        earlier = self._connection.execute(select(_J.id).where(_J.image_id == wanted.image_id)).scalars()
        job = NewJob(
            id=new_id(after=max(earlier, default=None)),
            owner_id=wanted.owner_id,
            image_id=wanted.image_id,
            kind=JobKind.LOOKUP,
            lane=wanted.lane,
            options="{}",
            correlation_id=wanted.correlation_id,
            dedup_key=dedup_key,
        )
        savepoint = self._connection.begin_nested()
        try:
            JobRepository(self._connection).insert(job)
        except IntegrityError as error:
            savepoint.rollback()
            if _J.dedup_key.name not in str(error.orig):
                raise
            return None
        savepoint.commit()
        return job.id

    def point_to(self, image_id: str, job_id: str) -> bool:
        """Make this lookup's answers those that are shown, unless those of a newer one are."""
        result = self._connection.execute(
            update(processed_images)
            .where(_I.id == image_id, or_(_I.current_lookup_id.is_(None), _I.current_lookup_id <= job_id))
            .values(current_lookup_id=job_id, updated_at_ms=now_ms())
        )
        return result.rowcount == 1
