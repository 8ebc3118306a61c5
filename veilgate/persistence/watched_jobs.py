"""What is read for those who watch jobs: of all of them at once, because hundreds may be watched."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from database_models import jobs, stage_events
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.records import EventRecord, JobStanding

_STANDING = select(jobs.c.id, jobs.c.image_id, jobs.c.status, jobs.c.event_seq)
_EVENT = select(stage_events.c.job_id, *(stage_events.c[name] for name in EventRecord.__dataclass_fields__))
# SQLite takes expressions that are 1,000 levels deep, and each `OR` is a level.
_SPANS_AT_ONCE = 50


def read_standing(connection: Connection, job_id: str, owner_id: str) -> JobStanding | None:
    row = connection.execute(_STANDING.where(jobs.c.id == job_id, jobs.c.owner_id == owner_id)).one_or_none()
    return _standing(row) if row else None


def read_standings(connection: Connection, job_ids: Collection[str]) -> list[JobStanding]:
    """Of those that there are."""
    return [_standing(row) for row in connection.execute(_STANDING.where(jobs.c.id.in_(job_ids)))]


def read_spans(
    connection: Connection, spans: Mapping[str, tuple[int, int]]
) -> dict[str, Sequence[EventRecord]]:
    """Of each job the events after the first number, up to and with the second, in order."""
    found: dict[str, list[EventRecord]] = {job_id: [] for job_id in spans}
    wanted = [_within(job_id, after, until) for job_id, (after, until) in spans.items()]
    for first in range(0, len(wanted), _SPANS_AT_ONCE):
        rows = connection.execute(
            _EVENT.where(or_(*wanted[first : first + _SPANS_AT_ONCE])).order_by(
                stage_events.c.job_id, stage_events.c.seq
            )
        )
        for job_id, *fields in rows:
            found[job_id].append(EventRecord(*fields))
    return dict(found)


def _within(job_id: str, after: int, until: int) -> Any:
    return and_(stage_events.c.job_id == job_id, stage_events.c.seq > after, stage_events.c.seq <= until)


def _standing(row: Row[*tuple[Any, ...]]) -> JobStanding:
    return JobStanding(row.id, row.image_id, JobStatus(row.status), row.event_seq)
