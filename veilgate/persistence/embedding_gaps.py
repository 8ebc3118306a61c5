"""Shown results that a model has not embedded, and embeddings that no model needs any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from sqlalchemy import Connection, and_, delete, func, select

from database_models import jobs, processed_images
from veilgate.persistence.clock import now_ms
from veilgate.persistence.tables.search import embeddings, index_log

_I, _J, _E, _L = processed_images.c, jobs.c, embeddings.c, index_log.c


@dataclass(frozen=True, slots=True)
class ShownResult:
    """The result that an image shows; `format` is that of the original."""

    image_id: str
    owner_id: str
    job_id: str
    result_key: str
    results: str
    format: str


@dataclass(frozen=True, slots=True)
class ModelCounts:
    """`failures` are pictures that the model cannot embed."""

    vectors: int
    failures: int


class EmbeddingGaps:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def images_after(self, image_id: str, *, limit: int) -> list[str]:
        """A page of all images, in order: what a look for gaps moves along."""
        rows = self._connection.execute(select(_I.id).where(_I.id > image_id).order_by(_I.id).limit(limit))
        return list(rows.scalars())

    def missing(self, model_id: str, *, after: str, up_to: str, limit: int) -> list[ShownResult]:
        """Results shown by images in this range of ids that the model has neither embedded nor given up."""
        has_one = and_(_E.image_id == _I.id, _E.model_id == model_id)
        rows = self._connection.execute(
            select(_I.id, _I.owner_id, _J.id, _J.result_key, _J.results, _I.format)
            .join(jobs, _J.id == _I.current_job_id)
            .outerjoin(embeddings, has_one)
            .where(
                _I.id > after,
                _I.id <= up_to,
                _E.image_id.is_(None),
                _J.result_key.is_not(None),
                _J.results.is_not(None),
            )
            .order_by(_I.id)
            .limit(limit)
        )
        return [ShownResult(*row) for row in rows]

    def hold_shown(self, image_ids: Sequence[str]) -> dict[str, str | None]:
        """Which job's result each image shows; until the transaction ends nobody makes it show another."""
        rows = self._connection.execute(
            select(_I.id, _I.current_job_id).where(_I.id.in_(image_ids)).order_by(_I.id).with_for_update()
        )
        return {row.id: row.current_job_id for row in rows}

    def count_missing(self, model_id: str) -> int:
        shown = select(func.count()).select_from(processed_images).where(_I.current_job_id.is_not(None))
        there = select(func.count()).select_from(embeddings).where(_E.model_id == model_id)
        counted = [int(self._connection.execute(query).scalar_one()) for query in (shown, there)]
        return max(0, counted[0] - counted[1])

    def counts(self, model_id: str) -> ModelCounts:
        rows, vectors = self._connection.execute(
            select(func.count(), func.count(_E.vector)).where(_E.model_id == model_id)
        ).one()
        return ModelCounts(vectors, rows - vectors)

    def embedded_and_not_shown(self, model_id: str) -> int:
        """Embeddings of images that show nothing."""
        query = (
            select(func.count())
            .select_from(embeddings)
            .outerjoin(processed_images, _I.id == _E.image_id)
            .where(_E.model_id == model_id, _I.current_job_id.is_(None))
        )
        return int(self._connection.execute(query).scalar_one())

    def embedded_and_not_logged(self, model_id: str) -> int:
        """Embeddings whose line is missing although the log goes back that far."""
        oldest = self._connection.execute(select(func.min(_L.seq))).scalar()
        query = (
            select(func.count())
            .select_from(embeddings)
            .outerjoin(index_log, _L.seq == _E.seq)
            .where(_E.model_id == model_id, _E.seq > (oldest or 0), _L.seq.is_(None))
        )
        return int(self._connection.execute(query).scalar_one()) if oldest is not None else 0

    def newest_logged(self) -> int | None:
        return self._connection.execute(select(func.max(_L.seq))).scalar()

    def models_embedded_with(self) -> list[str]:
        """All that there are embeddings of, in use or not."""
        return list(self._connection.execute(select(_E.model_id).distinct().order_by(_E.model_id)).scalars())

    def was_used_within(self, model_id: str, since_ms: int) -> bool:
        """Whether anything was embedded with it in that time."""
        newest = select(func.max(_L.at_ms)).where(_L.model_id == model_id).scalar_subquery()
        return bool(self._connection.execute(select(newest > now_ms() - since_ms)).scalar())

    def delete_some_of(self, model_id: str, *, limit: int) -> int:
        """Embeddings of a model that nobody asks any more; nothing is logged, because nobody follows it."""
        ids = list(
            self._connection.execute(
                select(_E.image_id).where(_E.model_id == model_id).limit(limit)
            ).scalars()
        )
        if ids:
            self._connection.execute(delete(embeddings).where(_E.model_id == model_id, _E.image_id.in_(ids)))
        return len(ids)

    def prune_log(self, *, older_than_ms: int, up_to_seq: int, limit: int) -> int:
        """Forget the oldest lines, if they are that old: who has not followed by then begins anew. Nothing
        goes that has a younger line before it, as where clocks differ: an index that was away knows by the
        oldest line alone whether it misses any."""
        is_old = (_L.at_ms < now_ms() - older_than_ms).label("is_old")
        rows = self._connection.execute(
            select(_L.seq, is_old).where(_L.seq <= up_to_seq).order_by(_L.seq).limit(limit)
        )
        seqs = [row.seq for row in takewhile(lambda row: row.is_old, rows.all())]
        if seqs:
            self._connection.execute(delete(index_log).where(_L.seq.in_(seqs)))
        return len(seqs)
