"""Events: what happened to a job, numbered 1..n without gaps."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, bindparam, select, update

from database_models import jobs, stage_events
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.clock import now_ms
from veilgate.persistence.outbox_repository import OutboxRepository
from veilgate.persistence.records import EventRecord, NewEvent

# Made once, because a worker writes six events a picture.
_THE_JOB = jobs.c.id == bindparam("the_job")
_DRAW = update(jobs).where(_THE_JOB).values(event_seq=jobs.c.event_seq + 1)
_DRAW_FENCED = _DRAW.where(jobs.c.fence == bindparam("our_fence"), jobs.c.status == JobStatus.PROCESSING)
_FROM_EVENT = tuple(NewEvent.__dataclass_fields__)
_INSERT_DRAWN = stage_events.insert().from_select(
    ["job_id", "seq", "attempt", *_FROM_EVENT, "created_at_ms"],
    select(
        jobs.c.id,
        jobs.c.event_seq,
        jobs.c.fence,
        *(bindparam(name, type_=stage_events.c[name].type) for name in _FROM_EVENT),
        now_ms(),
    ).where(_THE_JOB),
)


class EventRepository:
    def __init__(self, connection: Connection, outbox: OutboxRepository) -> None:
        self._connection = connection
        self._outbox = outbox

    def insert_first(self, job_id: str, new_event: NewEvent) -> None:
        """Write event number 1 of a job inserted in the same transaction."""
        self._connection.execute(
            stage_events.insert().values(
                job_id=job_id, seq=1, attempt=0, **asdict(new_event), created_at_ms=now_ms()
            )
        )

    def append(self, job_id: str, new_event: NewEvent) -> None:
        """Write an event beside a change of state made in the same transaction."""
        self._connection.execute(_DRAW, {"the_job": job_id})
        self._insert_drawn(job_id, new_event)

    def append_fenced(self, job_id: str, fence: int, new_event: NewEvent) -> bool:
        """Write an event if the job is still ours."""
        drawn = self._connection.execute(_DRAW_FENCED, {"the_job": job_id, "our_fence": fence})
        if drawn.rowcount != 1:
            return False
        self._insert_drawn(job_id, new_event)
        return True

    def _insert_drawn(self, job_id: str, new_event: NewEvent) -> None:
        self._connection.execute(_INSERT_DRAWN, {"the_job": job_id, **asdict(new_event)})
        self._outbox.tell(job_id, new_event)

    def has_stage(self, job_id: str, fence: int, stage: str) -> bool:
        """Whether this claim has written an event of the stage: the reply to a commit may have been lost."""
        found = self._connection.execute(
            select(stage_events.c.seq)
            .join(jobs, jobs.c.id == stage_events.c.job_id)
            .where(
                stage_events.c.job_id == job_id,
                stage_events.c.stage == stage,
                # Not those of earlier claims.
                stage_events.c.created_at_ms >= jobs.c.started_at_ms,
                jobs.c.fence == fence,
            )
            .limit(1)
        )
        return found.first() is not None

    def after(self, job_id: str, seq: int, *, limit: int = 1000) -> Sequence[EventRecord]:
        """Events with a higher number, in order."""
        columns = [stage_events.c[name] for name in EventRecord.__dataclass_fields__]
        rows = self._connection.execute(
            select(*columns)
            .where(stage_events.c.job_id == job_id, stage_events.c.seq > seq)
            .order_by(stage_events.c.seq)
            .limit(limit)
        )
        return [EventRecord(**row._mapping) for row in rows]
