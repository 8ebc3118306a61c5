"""Embeddings, and the log of what happens to them: written together, so that no index misses anything."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, and_, select

from veilgate.domain.search import IndexOperation
from veilgate.persistence.clock import now_ms
from veilgate.persistence.counter_repository import CounterRepository
from veilgate.persistence.search_records import EmbeddingRecord, LogEntry, NewEmbedding
from veilgate.persistence.tables.search import embeddings, index_log

_E, _L = embeddings.c, index_log.c
INDEX_SEQ = "index_seq"


class EmbeddingRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, new: Sequence[NewEmbedding]) -> None:
        """Write embeddings in place of earlier ones, and log them.

        Near the end of a transaction: the counter that orders the log is locked from here to the commit.
        """
        if not new:
            return
        first = self._draw(len(new))
        for seq, one in enumerate(new, start=first):
            self._forget(one.image_id, one.model_id)
            self._connection.execute(embeddings.insert().values(**asdict(one), seq=seq))
        self._log(
            [
                (seq, IndexOperation.ADD, one.image_id, one.owner_id, one.model_id)
                for seq, one in enumerate(new, start=first)
            ]
        )

    def remove(self, image_id: str) -> None:
        """Delete an image's embeddings by all models, and log that."""
        rows = self._connection.execute(
            select(_E.owner_id, _E.model_id).where(_E.image_id == image_id).order_by(_E.model_id)
        ).all()
        if not rows:
            return
        first = self._draw(len(rows))
        self._connection.execute(embeddings.delete().where(_E.image_id == image_id))
        self._log(
            [
                (seq, IndexOperation.REMOVE, image_id, row.owner_id, row.model_id)
                for seq, row in enumerate(rows, start=first)
            ]
        )

    def judge_again(self, image_ids: Sequence[str], *, owner_id: str, model_id: str) -> None:
        """Ask the index for the likest earlier image of each once more."""
        if not image_ids:
            return
        first = self._draw(len(image_ids))
        self._log(
            [
                (seq, IndexOperation.JUDGE, image_id, owner_id, model_id)
                for seq, image_id in enumerate(image_ids, start=first)
            ]
        )

    def vector(self, image_id: str, *, model_id: str, owner_id: str) -> bytes | None:
        row = self._connection.execute(
            select(_E.vector).where(_E.image_id == image_id, _E.model_id == model_id, _E.owner_id == owner_id)
        ).one_or_none()
        return row.vector if row else None

    def known(self, picture_sha256s: Sequence[str], *, model_id: str) -> dict[str, bytes]:
        """The vectors of pixels that this model has embedded before, by their digest."""
        rows = self._connection.execute(
            select(_E.picture_sha256, _E.vector).where(
                _E.picture_sha256.in_(picture_sha256s), _E.model_id == model_id, _E.vector.is_not(None)
            )
        )
        return {row.picture_sha256: row.vector for row in rows}

    def last_seq(self) -> int:
        """The number of the newest entry of the log that is committed."""
        return CounterRepository(self._connection).get(INDEX_SEQ)

    def log_after(self, seq: int, *, model_id: str, limit: int) -> list[LogEntry]:
        """What happened next to the embeddings of a model, oldest first."""
        rows = self._connection.execute(
            select(_L.seq, _L.operation, _L.image_id, _L.owner_id, _E.vector)
            .outerjoin(embeddings, and_(_E.image_id == _L.image_id, _E.model_id == _L.model_id))
            .where(_L.model_id == model_id, _L.seq > seq)
            .order_by(_L.seq)
            .limit(limit)
        )
        return [LogEntry(row.seq, IndexOperation(row.operation), *row[2:]) for row in rows]

    def oldest_logged(self) -> int | None:
        """The number of the oldest entry that the log still has."""
        return self._connection.execute(select(_L.seq).order_by(_L.seq).limit(1)).scalar_one_or_none()

    def page_of(self, model_id: str, *, after_seq: int, limit: int) -> list[EmbeddingRecord]:
        """All that a model has embedded, in the order of the log."""
        rows = self._connection.execute(
            select(_E.image_id, _E.owner_id, _E.seq, _E.vector)
            .where(_E.model_id == model_id, _E.seq > after_seq, _E.vector.is_not(None))
            .order_by(_E.seq)
            .limit(limit)
        )
        return [EmbeddingRecord(*row) for row in rows]

    def _draw(self, count: int) -> int:
        """The first of so many numbers that are ours alone."""
        return CounterRepository(self._connection).add(INDEX_SEQ, count) - count + 1

    def _log(self, entries: Sequence[tuple[int, IndexOperation, str, str, str]]) -> None:
        names = ("seq", "operation", "image_id", "owner_id", "model_id")
        rows = [dict(zip(names, entry, strict=True)) for entry in entries]
        self._connection.execute(index_log.insert().values(at_ms=now_ms()), rows)

    def _forget(self, image_id: str, model_id: str) -> None:
        self._connection.execute(embeddings.delete().where(_E.image_id == image_id, _E.model_id == model_id))
