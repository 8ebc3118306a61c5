"""Rows that should not be there: of images that were erased."""

from collections import defaultdict
from collections.abc import Collection, Sequence

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
from veilgate.persistence.erase_repository import name_group_anew
from veilgate.persistence.tables.outgoing import shared_links, webhook_deliveries
from veilgate.persistence.tables.search import embeddings, image_terms

_BY_IMAGE = (
    processed_images.c.id,
    tags.c.image_id,
    image_terms.c.image_id,
    embeddings.c.image_id,
    shared_links.c.image_id,
)
_BY_JOB = (
    jobs.c.id,
    stage_events.c.job_id,
    batch_items.c.job_id,
    direct_uploads.c.job_id,
    idempotency_keys.c.job_id,
    webhook_deliveries.c.job_id,
)
_I = processed_images.c
_POINTER = _I.near_duplicate_of


class ErasedRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tables_with(
        self, image_ids: Sequence[str], job_ids: Sequence[str], *, owner_ids: Collection[str]
    ) -> dict[str, set[str]]:
        """Which tables still speak of which of these images, of these owners, and jobs."""
        found = defaultdict[str, set[str]](set)
        for columns, ids in ((_BY_IMAGE, image_ids), (_BY_JOB, job_ids), ((_POINTER,), image_ids)):
            for column in columns:
                rows = self._connection.execute(select(column).where(column.in_(ids)).distinct())
                for name in rows.scalars():
                    found[name].add(column.table.name)
        groups = select(_I.duplicate_group).where(
            _I.owner_id.in_(owner_ids), _I.duplicate_group.in_(image_ids)
        )
        for group in self._connection.execute(groups.distinct()).scalars():
            found[group].add(processed_images.name)
        return dict(found)

    def delete(self, image_id: str, job_ids: Sequence[str], *, owner_id: str) -> None:
        """What no row of an image or a job holds together any more; a batch keeps the place."""
        run = self._connection.execute
        run(
            update(processed_images)
            .where(_POINTER.in_([image_id]))
            .values(near_duplicate_of=None, near_duplicate_score=None)
        )
        name_group_anew(self._connection, image_id, owner_id=owner_id)
        run(update(batch_items).where(batch_items.c.job_id.in_(job_ids)).values(job_id=None, filename=""))
        for column in _BY_JOB:
            if column.table not in {jobs, batch_items}:
                run(column.table.delete().where(column.in_(job_ids)))
        for column in _BY_IMAGE[1:]:
            run(column.table.delete().where(column.in_([image_id])))
        run(jobs.delete().where(jobs.c.id.in_(job_ids)))
