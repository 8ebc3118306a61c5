"""Batches: what a client sent together."""

from dataclasses import asdict

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError

from database_models import batch_items, batches, jobs
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.clock import now_ms
from veilgate.persistence.races import WrittenByAnother
from veilgate.persistence.records import BatchItemRecord, NewBatchItem


class BatchRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, batch_id: str, *, owner_id: str) -> None:
        self._connection.execute(
            batches.insert().values(id=batch_id, owner_id=owner_id, created_at_ms=now_ms())
        )

    def put(self, item: NewBatchItem) -> None:
        """Write an item, in place of a refused one. Raises `WrittenByAnother` if one was taken there."""
        self._connection.execute(
            batch_items.delete().where(
                batch_items.c.batch_id == item.batch_id,
                batch_items.c.position == item.position,
                batch_items.c.job_id.is_(None),
            )
        )
        try:
            self._connection.execute(batch_items.insert().values(**asdict(item)))
        except IntegrityError as error:
            raise WrittenByAnother from error

    def belongs_to(self, batch_id: str, *, owner_id: str) -> bool:
        found = self._connection.execute(
            select(batches.c.id).where(batches.c.id == batch_id, batches.c.owner_id == owner_id)
        )
        return found.one_or_none() is not None

    def created_at_ms(self, batch_id: str) -> int:
        return int(
            self._connection.execute(
                select(batches.c.created_at_ms).where(batches.c.id == batch_id)
            ).scalar_one()
        )

    def item_at(self, batch_id: str, position: int) -> BatchItemRecord | None:
        found = self._items(batch_id, first=position, limit=1)
        return found[0] if found and found[0].position == position else None

    def items(self, batch_id: str, *, first: int, limit: int) -> list[BatchItemRecord]:
        """Items from a position on, in the order in which they were sent."""
        return self._items(batch_id, first=first, limit=limit)

    def counts(self, batch_id: str) -> dict[str, int]:
        """How many items are in each state; refused ones count as `rejected`."""
        rows = self._connection.execute(
            select(jobs.c.status, func.count())
            .select_from(batch_items.outerjoin(jobs, jobs.c.id == batch_items.c.job_id))
            .where(batch_items.c.batch_id == batch_id)
            .group_by(jobs.c.status)
        )
        found = {row[0] or "rejected": int(row[1]) for row in rows}
        return {name: found.get(name, 0) for name in (*JobStatus, "rejected")}

    def _items(self, batch_id: str, *, first: int, limit: int) -> list[BatchItemRecord]:
        item = batch_items.c
        rows = self._connection.execute(
            select(
                item.position,
                item.filename,
                item.sha256,
                item.job_id,
                item.deduplicated,
                jobs.c.status,
                func.coalesce(item.error_code, jobs.c.error_code).label("error_code"),
                func.coalesce(item.error_message, jobs.c.error_message).label("error_message"),
            )
            .select_from(batch_items.outerjoin(jobs, jobs.c.id == item.job_id))
            .where(item.batch_id == batch_id, item.position >= first)
            .order_by(item.position)
            .limit(limit)
        )
        return [
            BatchItemRecord(**{**row._mapping, "status": JobStatus(row.status) if row.status else None})
            for row in rows
        ]
