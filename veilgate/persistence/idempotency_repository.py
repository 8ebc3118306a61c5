"""Idempotency keys: which request a key was first used for, and what came of it."""

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from database_models import idempotency_keys
from veilgate.persistence.clock import now_ms
from veilgate.persistence.races import WrittenByAnother
from veilgate.persistence.records import IdempotencyRecord


class IdempotencyRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, key: str, *, owner_id: str) -> IdempotencyRecord | None:
        table = idempotency_keys.c
        row = self._connection.execute(
            select(table.fingerprint, table.job_id, table.batch_id, table.deduplicated).where(
                table.owner_id == owner_id, table.idempotency_key == key.encode()
            )
        ).one_or_none()
        return IdempotencyRecord(**row._mapping) if row else None

    def insert(
        self,
        key: str,
        *,
        owner_id: str,
        fingerprint: str,
        job_id: str | None = None,
        batch_id: str | None = None,
        deduplicated: bool = False,
    ) -> None:
        """Bind a key to a request and its answer. Raises `WrittenByAnother` when somebody was quicker."""
        try:
            self._connection.execute(
                idempotency_keys.insert().values(
                    owner_id=owner_id,
                    idempotency_key=key.encode(),
                    fingerprint=fingerprint,
                    job_id=job_id,
                    batch_id=batch_id,
                    deduplicated=deduplicated,
                    created_at_ms=now_ms(),
                )
            )
        except IntegrityError as error:
            raise WrittenByAnother from error

    def forget_older_than(self, age_ms: int) -> int:
        result = self._connection.execute(
            idempotency_keys.delete().where(idempotency_keys.c.created_at_ms < now_ms() - age_ms)
        )
        return result.rowcount
