"""Events: what happened to a job, numbered 1..n without gaps."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, literal, select, update
from sqlalchemy.sql.elements import ColumnElement

from database_models import jobs, stage_events
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.clock import now_ms
from veilgate.persistence.records import EventRecord, NewEvent


class EventRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert_first(self, job_id: str, new_event: NewEvent) -> None:
        """Write event number 1 of a job inserted in the same transaction."""
        self._connection.execute(
            stage_events.insert().values(
                job_id=job_id, seq=1, attempt=0, **asdict(new_event), created_at_ms=now_ms()
            )
        )

    def append(self, job_id: str, new_event: NewEvent) -> None:
        """Write an event beside a change of state made in the same transaction."""
        self._append_where(jobs.c.id == job_id, job_id, new_event)

    def append_fenced(self, job_id: str, fence: int, new_event: NewEvent) -> bool:
        """Write an event if the job is still ours."""
        held = (jobs.c.id == job_id) & (jobs.c.fence == fence) & (jobs.c.status == JobStatus.PROCESSING)
        return self._append_where(held, job_id, new_event)

    def _append_where(self, condition: ColumnElement[bool], job_id: str, new_event: NewEvent) -> bool:
        drawn = self._connection.execute(update(jobs).where(condition).values(event_seq=jobs.c.event_seq + 1))
        if drawn.rowcount != 1:
            return False
        values = {
            "job_id": jobs.c.id,
            "seq": jobs.c.event_seq,
            "attempt": jobs.c.deliveries,
            "stage": literal(new_event.stage),
            "outcome": literal(new_event.outcome),
            "payload": literal(new_event.payload),
            "took_ms": literal(new_event.took_ms),
            "model": literal(new_event.model),
            "created_at_ms": now_ms(),
        }
        self._connection.execute(
            stage_events.insert().from_select(
                list(values), select(*values.values()).where(jobs.c.id == job_id)
            )
        )
        return True

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
