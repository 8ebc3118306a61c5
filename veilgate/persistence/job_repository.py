"""Jobs as callers and the dispatcher see them. What workers may write is in job_claims.py."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, or_, select, true, update

from database_models import jobs, processed_images
from veilgate.domain.jobs import JobKind, JobStatus, Lane, sources_of
from veilgate.persistence.clock import now_ms
from veilgate.persistence.records import DispatchedJob, DueJob, JobRecord, NewJob, WaitingLine

_IMAGE_FIELDS = ("filename", "file_size", "original_key")
_JOB_FIELDS = tuple(name for name in JobRecord.__dataclass_fields__ if name not in _IMAGE_FIELDS)


class JobRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, job: NewJob) -> None:
        """Add a job that waits; its first event is written beside it by `EventRepository.insert_first`."""
        self._connection.execute(
            jobs.insert().values(
                **asdict(job),
                status=JobStatus.SUBMITTED,
                event_seq=1,
                not_before_ms=now_ms(),
                created_at_ms=now_ms(),
                updated_at_ms=now_ms(),
            )
        )

    def get(self, job_id: str, *, owner_id: str) -> JobRecord | None:
        row = self._connection.execute(
            select(
                *(jobs.c[name] for name in _JOB_FIELDS), *(processed_images.c[name] for name in _IMAGE_FIELDS)
            )
            .join(processed_images, processed_images.c.id == jobs.c.image_id)
            .where(jobs.c.id == job_id, jobs.c.owner_id == owner_id)
        ).one_or_none()
        return _job_record(row) if row else None

    def hold(self, job_id: str) -> bool:
        """Until the transaction ends nobody else changes this job; False if there is none. On SQLite writers
        have that anyway."""
        found = self._connection.execute(select(jobs.c.id).where(jobs.c.id == job_id).with_for_update())
        return found.first() is not None

    def supersede_those_of(self, image_id: str) -> str | None:
        """Before another job of the image is inserted: the newest id there is. None of them stands for an
        upload any more, because the image may show another result from then on.

        Who comes at the same time waits until the transaction ends, and sees its job.
        """
        own = jobs.c.image_id == image_id
        self._connection.execute(update(jobs).where(own).values(dedup_key=None))
        newest: str | None = self._connection.execute(select(func.max(jobs.c.id)).where(own)).scalar_one()
        return newest

    def result_key(self, job_id: str) -> str | None:
        """Where the files of the result that is shown are, if there is one."""
        found = self._connection.execute(select(jobs.c.result_key).where(jobs.c.id == job_id))
        return found.scalar_one_or_none()

    def cancel(self, job_id: str) -> bool:
        """End a job that has not ended; a worker that holds it finds its fence void."""
        result = self._connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.status.in_(sources_of(JobStatus.CANCELLED)))
            .values(
                status=JobStatus.CANCELLED,
                lease_until_ms=None,
                finished_at_ms=now_ms(),
                updated_at_ms=now_ms(),
            )
        )
        return result.rowcount == 1

    def submit_again(self, job_id: str) -> bool:
        """Give an ended job a fresh set of attempts."""
        result = self._connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.status.in_({JobStatus.FAILED, JobStatus.CANCELLED}))
            .values(
                status=JobStatus.SUBMITTED,
                attempts=0,
                deliveries=0,
                error_code=None,
                error_message=None,
                dispatched_at_ms=None,
                finished_at_ms=None,
                not_before_ms=now_ms(),
                updated_at_ms=now_ms(),
            )
        )
        return result.rowcount == 1

    def due_for_dispatch(self, *, undispatched_for_ms: int, limit: int) -> list[DueJob]:
        """Jobs that nobody has put on the work list, though they were due at least that long ago."""
        rows = self._connection.execute(
            select(jobs.c.id, jobs.c.kind, jobs.c.lane, jobs.c.correlation_id)
            .where(
                jobs.c.status == JobStatus.SUBMITTED,
                jobs.c.dispatched_at_ms.is_(None),
                jobs.c.not_before_ms <= now_ms() - undispatched_for_ms,
            )
            .order_by(jobs.c.not_before_ms)
            .limit(limit)
        )
        return [
            DueJob(row.id, JobKind(row.kind), Lane(row.lane), correlation_id=row.correlation_id)
            for row in rows
        ]

    def dispatched_but_waiting(
        self, *, until_ms: int, after: DispatchedJob | None, limit: int
    ) -> list[DispatchedJob]:
        """Jobs that were put on the work list before that time and have not been started: a page of them, the
        longest dispatched first, behind the last of the page before.

        In the order of the index: by id, each page of 50,000 that waited took 0.3 s.
        """
        at, due, own = jobs.c.dispatched_at_ms, jobs.c.not_before_ms, jobs.c.id
        behind: ColumnElement[bool] = true()
        if after:
            in_same_ms = or_(due > after.not_before_ms, and_(due == after.not_before_ms, own > after.id))
            behind = and_(
                at >= after.dispatched_at_ms,
                or_(at > after.dispatched_at_ms, in_same_ms),
            )
        rows = self._connection.execute(
            select(own, jobs.c.kind, jobs.c.lane, at, due)
            .where(jobs.c.status == JobStatus.SUBMITTED, at <= until_ms, behind)
            .order_by(at, due, own)
            .limit(limit)
        )
        return [
            DispatchedJob(row.id, JobKind(row.kind), Lane(row.lane), row.dispatched_at_ms, row.not_before_ms)
            for row in rows
        ]

    def mark_dispatched(self, job_ids: Sequence[str]) -> None:
        self._connection.execute(
            update(jobs)
            .where(jobs.c.id.in_(job_ids), jobs.c.status == JobStatus.SUBMITTED)
            .values(dispatched_at_ms=now_ms())
        )

    def forget_dispatches(self) -> int:
        """Everything that waits is to be put on the work list again: the list was lost."""
        result = self._connection.execute(
            update(jobs)
            .where(jobs.c.status == JobStatus.SUBMITTED, jobs.c.dispatched_at_ms.is_not(None))
            .values(dispatched_at_ms=None)
        )
        return result.rowcount

    def statuses(self, job_ids: Sequence[str]) -> dict[str, JobStatus]:
        rows = self._connection.execute(select(jobs.c.id, jobs.c.status).where(jobs.c.id.in_(job_ids)))
        return {row.id: JobStatus(row.status) for row in rows}

    def waiting_by_lane(self) -> dict[JobKind, dict[Lane, tuple[int, int | None]]]:
        """For each kind and lane: how many jobs wait, and when the first of them became due (ms)."""
        rows = self._connection.execute(
            select(jobs.c.kind, jobs.c.lane, func.count(), func.min(jobs.c.not_before_ms))
            .where(jobs.c.status == JobStatus.SUBMITTED)
            .group_by(jobs.c.kind, jobs.c.lane)
        )
        found = {(row[0], row[1]): (int(row[2]), row[3]) for row in rows}
        return {kind: {lane: found.get((kind, lane), (0, None)) for lane in Lane} for kind in JobKind}

    def waiting_line(self, *, at_most: int, overdue_after_ms: int) -> WaitingLine:
        """How many pictures wait to be veiled and for how long, looked at no further than `at_most` of them.
        Lookups wait for what others allow: that is no reason to take no pictures."""
        waits = and_(jobs.c.status == JobStatus.SUBMITTED, jobs.c.kind == JobKind.VEIL)
        line = select(jobs.c.not_before_ms).where(waits).limit(at_most).subquery()
        since = line.c.not_before_ms
        overdue = func.sum(case((since < now_ms() - overdue_after_ms, 1), else_=0))
        row = self._connection.execute(select(func.count(), now_ms() - func.min(since), overdue)).one()
        return WaitingLine(jobs=int(row[0]), oldest_age_ms=max(int(row[1] or 0), 0), overdue=int(row[2] or 0))

    def count_open(self) -> dict[JobKind, dict[JobStatus, int]]:
        """How many jobs of each kind wait and run; ended ones are counted by the totals, at no cost."""
        rows = self._connection.execute(
            select(jobs.c.kind, jobs.c.status, func.count())
            .where(or_(jobs.c.status == JobStatus.SUBMITTED, jobs.c.status == JobStatus.PROCESSING))
            .group_by(jobs.c.kind, jobs.c.status)
        )
        found = {(row[0], row[1]): int(row[2]) for row in rows}
        return {
            kind: {
                status: found.get((kind, status), 0) for status in (JobStatus.SUBMITTED, JobStatus.PROCESSING)
            }
            for kind in JobKind
        }


def _job_record(row: Row[tuple[object, ...]]) -> JobRecord:
    values = dict(row._mapping)
    values["kind"] = JobKind(values["kind"])
    values["lane"] = Lane(values["lane"])
    values["status"] = JobStatus(values["status"])
    return JobRecord(**values)
