"""The pictures that were veiled last, for measuring how fast that goes."""

from sqlalchemy import Connection, select

from database_models import jobs
from veilgate.domain.cost import Spell
from veilgate.domain.jobs import JobKind, JobStatus

_J = jobs.c


class WorkSample:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest_spells(self, *, limit: int) -> list[Spell]:
        """Of the newest jobs, so many of every kind, those that completed a veil."""
        # Chosen here: asked for a kind and an order, a server may go through all jobs in another one.
        rows = self._connection.execute(
            select(_J.kind, _J.status, _J.worker, _J.started_at_ms, _J.finished_at_ms)
            .order_by(_J.id.desc())
            .limit(limit)
        )
        return [
            Spell(row.worker, row.started_at_ms, row.finished_at_ms)
            for row in rows
            if (row.kind, row.status) == (JobKind.VEIL, JobStatus.COMPLETED)
        ]
