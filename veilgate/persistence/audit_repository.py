"""The audit log: rows are added, and removed when they are very old; never changed."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, select

from database_models import audit_log
from veilgate.persistence.access_records import AuditRecord, NewAuditEntry
from veilgate.persistence.clock import now_ms

_A = audit_log.c
_COLUMNS = tuple(_A[name] for name in AuditRecord.__dataclass_fields__)


class AuditRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, entry: NewAuditEntry) -> None:
        self._connection.execute(audit_log.insert().values(**asdict(entry), at_ms=now_ms()))

    def list(self, *, since_ms: int, limit: int, owner_id: str | None = None) -> Sequence[AuditRecord]:
        """The newest first."""
        query = select(*_COLUMNS).where(_A.at_ms >= since_ms)
        if owner_id is not None:
            query = query.where(_A.owner_id == owner_id)
        rows = self._connection.execute(query.order_by(_A.at_ms.desc(), _A.id.desc()).limit(limit))
        return [AuditRecord(**row._mapping) for row in rows]

    def forget_older_than(self, age_ms: int) -> int:
        result = self._connection.execute(audit_log.delete().where(_A.at_ms < now_ms() - age_ms))
        return result.rowcount
