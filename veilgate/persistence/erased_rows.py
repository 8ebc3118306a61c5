"""Rows that should not be there: of images that were erased."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from database_models import (
    batch_items,
    direct_uploads,
    idempotency_keys,
    jobs,
    processed_images,
    stage_events,
    tags,
)
from search_models import embeddings, image_terms

_BY_IMAGE = (processed_images.c.id, tags.c.image_id, image_terms.c.image_id, embeddings.c.image_id)
_BY_JOB = (
    jobs.c.id,
    stage_events.c.job_id,
    batch_items.c.job_id,
    direct_uploads.c.job_id,
    idempotency_keys.c.job_id,
)
_POINTER = processed_images.c.near_duplicate_of


class ErasedRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tables_with(self, image_ids: Sequence[str], job_ids: Sequence[str]) -> dict[str, set[str]]:
        """Which tables still speak of which of these images and jobs."""
        found = defaultdict[str, set[str]](set)
        for columns, ids in ((_BY_IMAGE, image_ids), (_BY_JOB, job_ids), ((_POINTER,), image_ids)):
            for column in columns:
                rows = self._connection.execute(select(column).where(column.in_(ids)).distinct())
                for name in rows.scalars():
                    found[name].add(column.table.name)
        return dict(found)

    def delete(self, image_id: str, job_ids: Sequence[str]) -> None:
        """What no row of an image or a job holds together any more; a batch keeps the place."""
        run = self._connection.execute
        run(
            update(processed_images)
            .where(_POINTER.in_([image_id]))
            .values(near_duplicate_of=None, near_duplicate_score=None)
        )
        run(update(batch_items).where(batch_items.c.job_id.in_(job_ids)).values(job_id=None, filename=""))
        for column in (stage_events.c.job_id, direct_uploads.c.job_id, idempotency_keys.c.job_id):
            run(column.table.delete().where(column.in_(job_ids)))
        for column in (tags.c.image_id, image_terms.c.image_id, embeddings.c.image_id):
            run(column.table.delete().where(column.in_([image_id])))
        run(jobs.delete().where(jobs.c.id.in_(job_ids)))
