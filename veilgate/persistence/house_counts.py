"""Counts that are read every few seconds, whatever has been done before: of what is open, from an index."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from database_models import jobs
from veilgate.domain.jobs import JobKind, JobStatus
from veilgate.domain.webhooks import DeliveryStatus
from veilgate.persistence.clock import now_ms
from veilgate.persistence.outbox_repository import IS_ON
from veilgate.persistence.tables.outgoing import webhook_deliveries, webhook_endpoints

_J, _E, _D = jobs.c, webhook_endpoints.c, webhook_deliveries.c
# Further nobody counts: 35 ms, and as alarming as more.
_MOST_DEAD = 100_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """Messages to webhooks that have not been taken. `due_since_ms`: when that became due which has been due
    longest, of receivers that nothing keeps us from sending to; None when nothing is due."""

    messages: int
    due_since_ms: int | None


def running_jobs(connection: Connection) -> dict[JobKind, int]:
    """How many are in the hands of workers."""
    running = select(_J.kind, func.count()).where(_J.status == JobStatus.PROCESSING)
    return _by_kind(connection, running.group_by(_J.kind))


def dead_jobs(connection: Connection) -> dict[JobKind, int]:
    """How many have failed and are still there as they failed; counted up to 100,000 together."""
    dead = select(_J.kind).where(_J.status == JobStatus.FAILED).limit(_MOST_DEAD).subquery()
    return _by_kind(connection, select(dead.c.kind, func.count()).group_by(dead.c.kind))


def webhook_backlog(connection: Connection) -> Backlog:
    waits = _D.status == DeliveryStatus.PENDING
    messages = connection.execute(select(func.count()).select_from(webhook_deliveries).where(waits))
    # For each receiver by itself, as its index has them. What somebody wants to have sent now has no time.
    first = (
        select(_D.not_before_ms)
        .where(_D.endpoint_id == _E.id, waits, _D.not_before_ms > 0)
        .order_by(_D.not_before_ms)
        .limit(1)
        .correlate(webhook_endpoints)
        .scalar_subquery()
        .label("since_ms")
    )
    firsts = select(first).where(IS_ON, _E.paused_until_ms <= now_ms()).subquery()
    since_ms = connection.execute(select(func.min(firsts.c.since_ms))).scalar()
    return Backlog(int(messages.scalar_one()), None if since_ms is None else int(since_ms))


def _by_kind(connection: Connection, query: Select[Any]) -> dict[JobKind, int]:
    found = {row[0]: int(row[1]) for row in connection.execute(query)}
    return {kind: found.get(kind, 0) for kind in JobKind}
