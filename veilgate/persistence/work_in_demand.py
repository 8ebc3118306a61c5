"""Work that waits for a family of workers which not every house runs."""

from sqlalchemy import Connection, select

from database_models import jobs
from veilgate.domain.jobs import JobKind, JobStatus
from veilgate.persistence.clock import now_ms
from veilgate.persistence.outbox_repository import IS_ON
from veilgate.persistence.tables.outgoing import webhook_endpoints

_J = jobs.c


def families_in_demand(connection: Connection, *, overdue_after_ms: int) -> set[str]:
    """`lookups` if one has been due for that long and was not begun, and `deliveries` as soon as an endpoint
    is on: nobody sees otherwise that its events go nowhere."""
    overdue_lookup = select(_J.id).where(
        _J.status == JobStatus.SUBMITTED,
        _J.kind == JobKind.LOOKUP,
        _J.not_before_ms < now_ms() - overdue_after_ms,
    )
    asked = {"lookups": overdue_lookup, "deliveries": select(webhook_endpoints.c.id).where(IS_ON)}
    return {family for family, query in asked.items() if connection.execute(query.limit(1)).first()}
