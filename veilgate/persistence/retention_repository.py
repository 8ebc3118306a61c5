"""Originals whose time is over."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, or_, select, true, update

from database_models import jobs, processed_images
from veilgate.domain.jobs import TERMINAL, JobKind
from veilgate.persistence.clock import now_ms

_I, _J = processed_images.c, jobs.c


@dataclass(frozen=True, slots=True)
class KeptOriginal:
    image_id: str
    original_key: str
    created_at_ms: int


class RetentionRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def older_than(self, age_ms: int, *, after: KeptOriginal | None, limit: int) -> list[KeptOriginal]:
        """Originals that are kept and were accepted longer ago than that, the oldest first."""
        behind: ColumnElement[bool] = true()
        if after:
            in_same_ms = and_(_I.created_at_ms == after.created_at_ms, _I.id > after.image_id)
            behind = or_(_I.created_at_ms > after.created_at_ms, in_same_ms)
        rows = self._connection.execute(
            select(_I.id, _I.original_key, _I.created_at_ms)
            .where(_I.original_dropped_at_ms.is_(None), _I.created_at_ms < now_ms() - age_ms, behind)
            .order_by(_I.created_at_ms, _I.id)
            .limit(limit)
        )
        return [KeptOriginal(*row) for row in rows]

    def drop(self, image_ids: Sequence[str], *, age_ms: int) -> list[str]:
        """Say of those that no job needs which veils, or has needed since, that their original is gone; which
        these are.

        Who does an image again holds its jobs, too: either its new job is seen here, or it hears of this.
        """
        of_these = and_(_J.image_id.in_(image_ids), _J.kind == JobKind.VEIL)
        self._connection.execute(select(_J.id).where(of_these).with_for_update())
        in_use = self._connection.execute(
            select(_J.image_id).where(
                of_these, or_(_J.status.not_in(TERMINAL), _J.updated_at_ms >= now_ms() - age_ms)
            )
        )
        unneeded = sorted(set(image_ids) - set(in_use.scalars()))
        self._connection.execute(
            update(processed_images)
            .where(_I.id.in_(unneeded), _I.original_dropped_at_ms.is_(None))
            .values(original_dropped_at_ms=now_ms())
        )
        return unneeded

    def dropped_last(self, *, limit: int) -> list[str]:
        """The keys of the originals that were dropped last."""
        rows = self._connection.execute(
            select(_I.original_key)
            .where(_I.original_dropped_at_ms.is_not(None))
            .order_by(_I.original_dropped_at_ms.desc())
            .limit(limit)
        )
        return list(rows.scalars())
