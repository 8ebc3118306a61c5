"""The rows that are held against object store and lists, page by page: a page costs the same at a million."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, or_, select, true, update

from database_models import jobs, processed_images, stage_events
from veilgate.domain.jobs import TERMINAL, JobKind, JobStatus, Lane
from veilgate.persistence.arrival import arrival
from veilgate.persistence.clock import now_ms
from veilgate.persistence.records import DueJob

_J, _I, _E = jobs.c, processed_images.c, stage_events.c


@dataclass(frozen=True, slots=True)
class StoredOriginal:
    """An image and the file it came from."""

    image_id: str
    original_key: str
    file_size: int
    sha256: str
    dropped_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which job's result an image shows, and which it should: that of the newest request that completed."""

    image_id: str
    owner_id: str
    shown: str | None
    newest_completed: str | None


@dataclass(frozen=True, slots=True)
class CompletedJob:
    """A result, and its place among those that completed."""

    id: str
    owner_id: str
    image_id: str
    options: str
    result_key: str | None
    original_key: str
    file_size: int
    format: str
    has_dedup_key: bool
    is_shown: bool
    place: Any


@dataclass(frozen=True, slots=True)
class LaterJob:
    id: str
    status: JobStatus
    options: str


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job that ended and has been left alone since. `result_key` is None unless it completed."""

    fence: int
    result_key: str | None


@dataclass(frozen=True, slots=True)
class EventCount:
    job_id: str
    status: JobStatus
    event_seq: int
    count: int
    highest: int
    last_end: str | None

    @property
    def has_gap(self) -> bool:
        # Numbers are at least 1 and no two are equal, so that as many as the highest leave none out.
        return not self.count == self.highest == self.event_seq

    @property
    def lacks_end(self) -> bool:
        return self.status.is_terminal and self.last_end != self.status


@dataclass(frozen=True, slots=True)
class OverdueLease:
    job_id: str
    worker: str | None
    lease_until_ms: int
    overdue_ms: int


@dataclass(frozen=True, slots=True)
class UnlistedJob(DueJob):
    """A job that waits and ought to be on a list, with its place among those that wait."""

    place: Any


class Inventory:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest_job_id(self) -> str:
        """Ids begin with the time; the empty text where there is no job."""
        return self._connection.execute(select(func.max(_J.id))).scalar_one() or ""

    def originals_after(self, image_id: str, *, limit: int) -> list[StoredOriginal]:
        return self._originals(_I.id > image_id, limit=limit)

    def originals_of(self, image_ids: Sequence[str]) -> list[StoredOriginal]:
        return self._originals(_I.id.in_(image_ids), limit=len(image_ids))

    def pointers_after(self, image_id: str, *, limit: int) -> list[Pointer]:
        return self._pointers(_I.id > image_id, limit=limit)

    def pointer_of(self, image_id: str) -> Pointer | None:
        return next(iter(self._pointers(_I.id == image_id, limit=1)), None)

    def point(self, wrong: Pointer) -> bool:
        """Put the pointer right, unless it has been changed since."""
        result = self._connection.execute(
            update(processed_images)
            .where(_I.id == wrong.image_id, _I.current_job_id.is_not_distinct_from(wrong.shown))
            .values(current_job_id=wrong.newest_completed, updated_at_ms=now_ms())
        )
        return result.rowcount == 1

    def completed_after(self, place: Any, *, limit: int) -> list[CompletedJob]:
        return self._completed(_behind(place), limit=limit)

    def completed_job(self, job_id: str) -> CompletedJob | None:
        return next(iter(self._completed(_J.id == job_id, limit=1)), None)

    def release_dedup_key(self, job_id: str) -> None:
        """From now on nobody is answered with the result of this job."""
        self._connection.execute(update(jobs).where(_J.id == job_id).values(dedup_key=None))

    def release_dedup_keys_of(self, image_id: str) -> None:
        """From now on whoever sends this picture again is not answered with a job of this image."""
        self._connection.execute(update(jobs).where(_J.image_id == image_id).values(dedup_key=None))

    def veil_jobs_of_image_after(self, image_id: str, job_id: str) -> list[LaterJob]:
        """The jobs that veil it and were asked for after this one, the newest last."""
        rows = self._connection.execute(
            select(_J.id, _J.status, _J.options).where(
                _J.image_id == image_id, _J.kind == JobKind.VEIL, _J.id > job_id
            )
        )
        return sorted((LaterJob(row.id, JobStatus(row.status), row.options) for row in rows), key=_id_of)

    def results_of(self, job_id: str) -> str | None:
        return self._connection.execute(select(_J.results).where(_J.id == job_id)).scalar_one_or_none()

    def known_jobs(self, job_ids: Sequence[str]) -> dict[str, JobStatus]:
        rows = self._connection.execute(select(_J.id, _J.status).where(_J.id.in_(job_ids)))
        return {row.id: JobStatus(row.status) for row in rows}

    def ended_jobs(self, job_ids: Sequence[str], *, since_ms: int) -> dict[str, EndedJob]:
        """Those of the given jobs that ended at least so long ago."""
        rows = self._connection.execute(
            select(_J.id, _J.fence, _J.status, _J.result_key).where(
                _J.id.in_(job_ids), _J.status.in_(TERMINAL), _J.updated_at_ms <= now_ms() - since_ms
            )
        )
        return {
            row.id: EndedJob(row.fence, row.result_key if row.status == JobStatus.COMPLETED else None)
            for row in rows
        }

    def event_counts_after(self, job_id: str, *, limit: int) -> list[EventCount]:
        return self._event_counts(_J.id > job_id, limit=limit)

    def event_count_of(self, job_id: str) -> EventCount | None:
        return next(iter(self._event_counts(_J.id == job_id, limit=1)), None)

    def overdue_leases(
        self, *, overdue_ms: int, after: OverdueLease | None, limit: int
    ) -> list[OverdueLease]:
        behind: ColumnElement[bool] = true()
        if after:
            in_same_ms = and_(_J.lease_until_ms == after.lease_until_ms, _J.id > after.job_id)
            behind = or_(_J.lease_until_ms > after.lease_until_ms, in_same_ms)
        overdue = (now_ms() - _J.lease_until_ms).label("overdue_ms")
        rows = self._connection.execute(
            select(_J.id, _J.worker, _J.lease_until_ms, overdue)
            .where(_J.status == JobStatus.PROCESSING, _J.lease_until_ms < now_ms() - overdue_ms, behind)
            .order_by(_J.lease_until_ms, _J.id)
            .limit(limit)
        )
        return [OverdueLease(*row) for row in rows]

    def waiting_after(self, place: Any, *, untouched_ms: int, limit: int) -> list[UnlistedJob]:
        """Jobs that wait, are due, and that nobody has touched or dispatched for so long."""
        return self._waiting(_behind(place), untouched_ms=untouched_ms, limit=limit)

    def still_waiting(self, job_ids: Sequence[str], *, untouched_ms: int) -> list[UnlistedJob]:
        return self._waiting(_J.id.in_(job_ids), untouched_ms=untouched_ms, limit=len(job_ids))

    def _originals(self, condition: ColumnElement[bool], *, limit: int) -> list[StoredOriginal]:
        rows = self._connection.execute(
            select(_I.id, _I.original_key, _I.file_size, _I.sha256, _I.original_dropped_at_ms)
            .where(condition)
            .order_by(_I.id)
            .limit(limit)
        )
        return [StoredOriginal(*row) for row in rows]

    def _completed(self, condition: ColumnElement[bool], *, limit: int) -> list[CompletedJob]:
        names = ("id", "owner_id", "image_id", "options", "result_key")
        completed = and_(_J.status == JobStatus.COMPLETED, _J.lease_until_ms.is_(None))
        rows = self._connection.execute(
            select(
                *(_J[name] for name in names),
                _I.original_key,
                _I.file_size,
                _I.format,
                _J.dedup_key.is_not(None).label("has_dedup_key"),
                func.coalesce(_I.current_job_id == _J.id, False).label("is_shown"),
                arrival().label("place"),
            )
            .join(processed_images, _I.id == _J.image_id)
            .where(_J.kind == JobKind.VEIL, completed, condition)  # a lookup has no files
            .order_by(arrival())
            .limit(limit)
        )
        return [CompletedJob(**_with_flags(row._mapping)) for row in rows]

    def _pointers(self, condition: ColumnElement[bool], *, limit: int) -> list[Pointer]:
        # In one statement, so that a job that completes meanwhile shows in both columns or in neither.
        # `coalesce`, or SQLite goes through all that completed for each image: 8 ms where those were 9,000.
        newest = (
            select(func.max(_J.id))
            .where(
                _J.image_id == _I.id,
                _J.kind == JobKind.VEIL,
                func.coalesce(_J.status, "") == JobStatus.COMPLETED,
            )
            .scalar_subquery()
        )
        rows = self._connection.execute(
            select(_I.id, _I.owner_id, _I.current_job_id, newest)
            .where(condition)
            .order_by(_I.id)
            .limit(limit)
        )
        return [Pointer(*row) for row in rows]

    def _event_counts(self, condition: ColumnElement[bool], *, limit: int) -> list[EventCount]:
        of_job = select(func.count()).where(_E.job_id == _J.id).scalar_subquery()
        highest = select(func.coalesce(func.max(_E.seq), 0)).where(_E.job_id == _J.id).scalar_subquery()
        last = (
            select(_E.outcome)
            .where(_E.job_id == _J.id, _E.seq == _J.event_seq, _E.stage == "job")
            .scalar_subquery()
        )
        rows = self._connection.execute(
            select(_J.id, _J.status, _J.event_seq, of_job, highest, last)
            .where(condition)
            .order_by(_J.id)
            .limit(limit)
        )
        return [EventCount(row[0], JobStatus(row[1]), *row[2:]) for row in rows]

    def _waiting(self, condition: ColumnElement[bool], *, untouched_ms: int, limit: int) -> list[UnlistedJob]:
        moment = now_ms() - untouched_ms
        rows = self._connection.execute(
            select(_J.id, _J.kind, _J.lane, arrival().label("place"))
            .where(
                _J.status == JobStatus.SUBMITTED,
                _J.lease_until_ms.is_(None),
                condition,
                _J.not_before_ms <= moment,
                _J.updated_at_ms <= moment,
                or_(_J.dispatched_at_ms.is_(None), _J.dispatched_at_ms <= moment),
            )
            .order_by(arrival())
            .limit(limit)
        )
        return [UnlistedJob(row.id, JobKind(row.kind), Lane(row.lane), row.place) for row in rows]


def _behind(place: Any) -> ColumnElement[bool]:
    return true() if place is None else arrival() > place


def _with_flags(row: RowMapping) -> dict[str, Any]:
    """A server says 0 and 1."""
    flags = {"has_dedup_key": bool(row["has_dedup_key"]), "is_shown": bool(row["is_shown"])}
    return {**row, **flags}


def _id_of(job: LaterJob) -> str:
    return job.id
