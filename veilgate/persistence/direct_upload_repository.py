"""Direct uploads: files announced to be put into the object store by their senders."""

from dataclasses import asdict

from sqlalchemy import Connection, select, update

from database_models import direct_uploads
from veilgate.persistence.clock import now_ms
from veilgate.persistence.races import WrittenByAnother
from veilgate.persistence.records import DirectUploadRecord, NewDirectUpload


class DirectUploadRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, upload: NewDirectUpload) -> None:
        self._connection.execute(direct_uploads.insert().values(**asdict(upload), created_at_ms=now_ms()))

    def get(self, upload_id: str, *, owner_id: str) -> DirectUploadRecord | None:
        table = direct_uploads.c
        columns = [table[name] for name in DirectUploadRecord.__dataclass_fields__]
        row = self._connection.execute(
            select(*columns).where(table.id == upload_id, table.owner_id == owner_id)
        ).one_or_none()
        return DirectUploadRecord(**row._mapping) if row else None

    def bind(self, upload_id: str, job_id: str, *, deduplicated: bool) -> None:
        """Say which job came of it, and whether that was there before. Raises `WrittenByAnother` when one has
        come of it already, or the row is gone."""
        result = self._connection.execute(
            update(direct_uploads)
            .where(direct_uploads.c.id == upload_id, direct_uploads.c.job_id.is_(None))
            .values(job_id=job_id, deduplicated=deduplicated)
        )
        if result.rowcount != 1:
            raise WrittenByAnother

    def older_than(self, age_ms: int, *, limit: int) -> dict[str, str]:
        """Ids and object keys of uploads announced longer ago than that."""
        table = direct_uploads.c
        rows = self._connection.execute(
            select(table.id, table.object_key).where(table.created_at_ms < now_ms() - age_ms).limit(limit)
        )
        return {row.id: row.object_key for row in rows}

    def forget(self, upload_ids: list[str]) -> None:
        self._connection.execute(direct_uploads.delete().where(direct_uploads.c.id.in_(upload_ids)))
