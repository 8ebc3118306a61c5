"""What a worker may write: claims, leases and ends, each guarded by the fence."""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, case, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from database_models import jobs, processed_images, stage_events
from veilgate.domain.errors import VeilgateError
from veilgate.domain.jobs import TRIED_AGAIN, JobKind, JobStatus
from veilgate.persistence.clock import now_ms
from veilgate.persistence.records import ClaimedJob, ExpiredJob, WaitingJob

_JOB_FIELDS = (
    "id",
    "owner_id",
    "image_id",
    "fence",
    "attempts",
    "deliveries",
    "options",
    "created_at_ms",
    "started_at_ms",
    "correlation_id",
    "not_before_ms",
)
_IMAGE_FIELDS = ("original_key", "filename", "sha256", "format", "width", "height")
_SHOWN = jobs.alias("shown")


class JobClaims:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def look_at(self, job_ids: Sequence[str]) -> list[WaitingJob]:
        """Those of the given jobs that may be claimed now, in the order given."""
        # Whether each may be claimed is asked beside it, not of the table: SQLite would go through everything
        # that waits.
        rows = self._connection.execute(
            select(
                jobs.c.id,
                jobs.c.suspect,
                jobs.c.status,
                _claimable().label("is_claimable"),
                (processed_images.c.width * processed_images.c.height).label("pixels"),
            )
            .join(processed_images, processed_images.c.id == jobs.c.image_id)
            .where(jobs.c.id.in_(job_ids))
        )
        # A job that is still "processing" was in a process that fell silent.
        found = {
            row.id: WaitingJob(
                row.id, bool(row.suspect) or row.status == JobStatus.PROCESSING, int(row.pixels)
            )
            for row in rows
            if row.is_claimable
        }
        return [found[job_id] for job_id in job_ids if job_id in found]

    def claim(self, job_id: str, *, worker: str, lease_ms: int, alone: bool) -> ClaimedJob | None:
        """Take a job, or None when somebody else has it, it is not due, or it has ended."""
        was_running = jobs.c.status == JobStatus.PROCESSING
        result = self._connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id, _claimable())
            # In this order, because MySQL reads already changed columns while it goes along.
            .ordered_values(
                (jobs.c.suspect, case((was_running, True), else_=jobs.c.suspect)),
                (jobs.c.ran_alone, alone),
                (jobs.c.status, JobStatus.PROCESSING),
                (jobs.c.fence, jobs.c.fence + 1),
                (jobs.c.deliveries, jobs.c.deliveries + 1),
                (jobs.c.worker, worker),
                (jobs.c.lease_until_ms, now_ms() + lease_ms),
                (jobs.c.started_at_ms, now_ms()),
                (jobs.c.updated_at_ms, now_ms()),
            )
        )
        if result.rowcount != 1:
            return None
        row = self._connection.execute(
            select(
                *(jobs.c[name] for name in _JOB_FIELDS),
                *(processed_images.c[name] for name in _IMAGE_FIELDS),
                _SHOWN.c.result_key.label("shown_result_key"),
            )
            .join(processed_images, processed_images.c.id == jobs.c.image_id)
            .outerjoin(_SHOWN, _SHOWN.c.id == processed_images.c.current_job_id)
            .where(jobs.c.id == job_id)
        ).one()
        return ClaimedJob(**row._mapping, asked_at_ms=self._asked_at_ms(job_id, row.fence, row.created_at_ms))

    def _asked_at_ms(self, job_id: str, fence: int, created_at_ms: int) -> int:
        """Nobody wishes for a first try again, and most have no other."""
        if fence == 1:
            return created_at_ms
        again = and_(stage_events.c.stage == "job", stage_events.c.payload == TRIED_AGAIN)
        wished = select(func.max(stage_events.c.created_at_ms)).where(stage_events.c.job_id == job_id, again)
        return self._connection.execute(wished).scalar() or created_at_ms

    def extend(self, held: Sequence[tuple[str, int]], *, lease_ms: int) -> set[str]:
        """Renew leases of (job id, fence); returns the ids that are lost: cancelled, or claimed by another.

        A job whose end we have just recorded ourselves is neither.
        """
        lost = set()
        for job_id, fence in held:
            renewed = self._connection.execute(
                update(jobs).where(_held(job_id, fence)).values(lease_until_ms=now_ms() + lease_ms)
            )
            if renewed.rowcount == 0 and self._is_lost(job_id, fence):
                lost.add(job_id)
        return lost

    def _is_lost(self, job_id: str, fence: int) -> bool:
        row = self._connection.execute(
            select(jobs.c.fence, jobs.c.status).where(jobs.c.id == job_id)
        ).one_or_none()
        return row is None or row.fence != fence or row.status == JobStatus.CANCELLED

    def complete(self, job_id: str, fence: int, *, results: str, result_key: str | None) -> bool:
        """Flip the pointer to a finished result; False for a zombie, whose files nobody points to."""
        result = self._connection.execute(
            update(jobs)
            .where(_held(job_id, fence))
            .values(
                status=JobStatus.COMPLETED,
                results=results,
                result_key=result_key,
                suspect=False,
                error_code=None,
                error_message=None,
                lease_until_ms=None,
                finished_at_ms=now_ms(),
                updated_at_ms=now_ms(),
            )
        )
        return result.rowcount == 1

    def fail(self, job_id: str, fence: int, error: VeilgateError, *, attempts: int) -> bool:
        """End a job as failed, for good."""
        result = self._connection.execute(
            update(jobs)
            .where(_held(job_id, fence))
            .values(
                status=JobStatus.FAILED,
                attempts=attempts,
                error_code=error.code,
                error_message=error.message,
                lease_until_ms=None,
                finished_at_ms=now_ms(),
                updated_at_ms=now_ms(),
            )
        )
        return result.rowcount == 1

    def put_back(
        self,
        job_id: str,
        fence: int,
        *,
        attempts: int,
        delay_ms: int,
        suspect: bool,
        error: VeilgateError | None,
        delivery_counts: bool = True,
    ) -> bool:
        """Return a job to those that wait, to be dispatched again after the delay; as if it had not been
        started, unless `delivery_counts`."""
        result = self._connection.execute(
            update(jobs)
            .where(_held(job_id, fence))
            .values(
                status=JobStatus.SUBMITTED,
                attempts=attempts,
                deliveries=jobs.c.deliveries - (0 if delivery_counts else 1),
                suspect=True if suspect else jobs.c.suspect,
                error_code=error.code if error else None,
                error_message=error.message if error else None,
                lease_until_ms=None,
                dispatched_at_ms=None,
                not_before_ms=now_ms() + delay_ms,
                updated_at_ms=now_ms(),
            )
        )
        return result.rowcount == 1

    def ended_as(self, job_id: str, fence: int, *, error_code: str | None) -> JobStatus | None:
        """What this claim has made of its job, if it ended it, and with this error."""
        row = self._connection.execute(
            select(jobs.c.status).where(
                jobs.c.id == job_id,
                jobs.c.fence == fence,
                jobs.c.status.in_([JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.SUBMITTED]),
                jobs.c.error_code == error_code,
            )
        ).one_or_none()
        return None if row is None else JobStatus(row.status)

    def lock_expired(self, *, limit: int) -> list[ExpiredJob]:
        """Jobs whose lease has run out, held until the transaction ends. One that somebody else holds is left
        out: its worker may be renewing the lease just now, or another reconciler has it."""
        rows = self._connection.execute(
            select(
                jobs.c.id,
                jobs.c.kind,
                jobs.c.fence,
                jobs.c.attempts,
                jobs.c.deliveries,
                jobs.c.ran_alone,
                jobs.c.correlation_id,
            )
            .where(jobs.c.status == JobStatus.PROCESSING, jobs.c.lease_until_ms < now_ms())
            .order_by(jobs.c.lease_until_ms)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [
            ExpiredJob(
                row.id,
                JobKind(row.kind),
                row.fence,
                row.attempts,
                row.deliveries,
                bool(row.ran_alone),
                row.correlation_id,
            )
            for row in rows
        ]


def _held(job_id: str, fence: int) -> ColumnElement[bool]:
    return and_(jobs.c.id == job_id, jobs.c.fence == fence, jobs.c.status == JobStatus.PROCESSING)


def _claimable() -> ColumnElement[bool]:
    return or_(
        and_(jobs.c.status == JobStatus.SUBMITTED, jobs.c.not_before_ms <= now_ms()),
        # One that ran alone may have ended its process for the last time: that is for `LeaseExpiry` to judge,
        # which knows the limits. A work list that is quicker would give it one more try.
        and_(
            jobs.c.status == JobStatus.PROCESSING,
            jobs.c.lease_until_ms < now_ms(),
            jobs.c.ran_alone.is_(False),
        ),
    )
