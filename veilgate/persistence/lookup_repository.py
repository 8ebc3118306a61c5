"""Lookups as jobs of an image: who wants one, which stands, and whose answers are shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update
from sqlalchemy.exc import IntegrityError

from database_models import jobs, processed_images
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobKind, JobStatus, Lane
from veilgate.persistence.clock import now_ms
from veilgate.persistence.job_repository import JobRepository
from veilgate.persistence.records import NewJob

_I, _J = processed_images.c, jobs.c
_WISH = jobs.alias("wish")


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

    def take_wanted_by(self, job_ids: Sequence[str]) -> list[WantedLookup]:
        """The lookups that are to follow these jobs, which complete; whoever looks next finds none of them.

        A job is heir to earlier ones of its image: what was to follow one that still runs, or that ended in
        vain while the heir waited already, begins as soon as there is something to send.
        """
        wish = _WISH.c
        is_inherited = and_(
            wish.id < _J.id,
            wish.status != JobStatus.COMPLETED,
            or_(wish.finished_at_ms.is_(None), wish.finished_at_ms >= _J.created_at_ms),
        )
        rows = self._connection.execute(
            select(_J.image_id, _J.owner_id, _J.lane, _J.correlation_id, wish.id.label("wish_id"))
            .join(_WISH, and_(wish.image_id == _J.image_id, or_(wish.id == _J.id, is_inherited)))
            .where(_J.id.in_(job_ids), wish.then_lookup.is_(True))
        ).all()
        if rows:
            taken = sorted({row.wish_id for row in rows})
            self._connection.execute(update(jobs).where(_J.id.in_(taken)).values(then_lookup=False))
        return [
            WantedLookup(image_id, owner_id, Lane(lane), correlation_id)
            for image_id, owner_id, lane, correlation_id in dict.fromkeys(tuple(row[:4]) for row in rows)
        ]

    def newest_of(self, image_id: str) -> ImageJobState | None:
        """The image's lookup that was asked for last."""
        return max(self._states(image_id, JobKind.LOOKUP), key=lambda job: job.id, default=None)

    def hold_veil_jobs(self, image_id: str, *, owner_id: str) -> list[ImageJobState]:
        """The jobs that veil an owner's image, the oldest first. Until the transaction ends none of them
        ends, and none is added."""
        self._connection.execute(
            select(_J.id)
            .where(_J.image_id == image_id, _J.owner_id == owner_id, _J.kind == JobKind.VEIL)
            .with_for_update()
        ).all()
        return self._states(image_id, JobKind.VEIL, _J.owner_id == owner_id)

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

    def _states(self, image_id: str, kind: JobKind, *also: ColumnElement[bool]) -> list[ImageJobState]:
        rows = self._connection.execute(
            select(_J.id, _J.status).where(_J.image_id == image_id, _J.kind == kind, *also)
        )
        # Sorted here: asked for an order, a server may go through all jobs in that order instead.
        return sorted((ImageJobState(row.id, JobStatus(row.status)) for row in rows), key=lambda job: job.id)
