"""What is read for those who watch jobs: of all of them at once, because hundreds may be watched."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from database_models import jobs, stage_events
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.records import EventRecord, JobStanding

_STANDING = select(jobs.c.id, jobs.c.image_id, jobs.c.status, jobs.c.event_seq)
_S = stage_events.c
_EVENT = select(_S.job_id, *(_S[name] for name in EventRecord.__dataclass_fields__))


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
    # Jobs that many watch are read often, and so stand at few different numbers.
    groups: defaultdict[int, list[str]] = defaultdict(list)
    for job_id, (after, _) in spans.items():
        groups[after].append(job_id)
    for after, job_ids in groups.items():
        last = max(spans[job_id][1] for job_id in job_ids)
        is_within = (_S.job_id.in_(job_ids), _S.seq > after, _S.seq <= last)
        for job_id, *fields in connection.execute(_EVENT.where(*is_within).order_by(_S.job_id, _S.seq)):
            event = EventRecord(*fields)
            if event.seq <= spans[job_id][1]:
                found[job_id].append(event)
    return dict(found)


def _standing(row: Row[*tuple[Any, ...]]) -> JobStanding:
    return JobStanding(row.id, row.image_id, JobStatus(row.status), row.event_seq)
