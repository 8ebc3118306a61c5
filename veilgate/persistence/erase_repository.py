"""Erasing an image: what is its, and the deletes; whoever is referred to goes last."""

from dataclasses import dataclass

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

_I = processed_images.c
ERASED = "erased"
_ERASED_MESSAGE = "The image was erased."


@dataclass(frozen=True, slots=True)
class HeldImage:
    """An image that nobody else writes to until the transaction ends. `announced_keys`: where callers put
    files themselves that it was made of."""

    image_id: str
    owner_id: str
    original_key: str
    job_ids: tuple[str, ...]
    announced_keys: tuple[str, ...]


class EraseRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hold(self, image_id: str, *, owner_id: str) -> HeldImage | None:
        """Jobs before their image, as everybody locks them who records, retries or does one again: those who
        come at the same time wait, and find nothing then."""
        self._lock_jobs(image_id, owner_id)
        image = self._connection.execute(
            select(_I.original_key).where(_I.id == image_id, _I.owner_id == owner_id).with_for_update()
        ).one_or_none()
        if image is None:
            return None
        job_ids = self._lock_jobs(image_id, owner_id)  # also those that were made while we waited
        announced = self._connection.execute(
            select(direct_uploads.c.object_key).where(direct_uploads.c.job_id.in_(job_ids))
        )
        return HeldImage(image_id, owner_id, image.original_key, job_ids, tuple(announced.scalars()))

    def part_from_likes(self, image: HeldImage) -> list[str]:
        """From now on no image is a near-duplicate of this one; those that were, in the order in which they
        came, are to be judged again. Whoever judges them takes along what hangs on them."""
        points = _I.near_duplicate_of == image.image_id
        pointing = list(self._connection.execute(select(_I.id).where(points).order_by(_I.id)).scalars())
        if pointing:
            self._connection.execute(
                update(processed_images)
                .where(_I.id.in_(pointing))
                .values(near_duplicate_of=None, near_duplicate_score=None)
            )
        name_group_anew(self._connection, image.image_id, owner_id=image.owner_id)
        return pointing

    def delete_details(self, image: HeldImage) -> None:
        """What refers to the image or its jobs and is of no other image; a batch keeps the place of a file,
        and not its name."""
        of_jobs = image.job_ids
        run = self._connection.execute
        run(stage_events.delete().where(stage_events.c.job_id.in_(of_jobs)))
        run(
            update(batch_items)
            .where(batch_items.c.job_id.in_(of_jobs))
            .values(job_id=None, filename="", sha256=None, error_code=ERASED, error_message=_ERASED_MESSAGE)
        )
        run(direct_uploads.delete().where(direct_uploads.c.job_id.in_(of_jobs)))
        run(idempotency_keys.delete().where(idempotency_keys.c.job_id.in_(of_jobs)))
        run(tags.delete().where(tags.c.image_id == image.image_id))

    def delete(self, image: HeldImage) -> None:
        """The jobs and the image, once nothing refers to them."""
        self._connection.execute(jobs.delete().where(jobs.c.id.in_(image.job_ids)))
        self._connection.execute(processed_images.delete().where(_I.id == image.image_id))

    def owner_of(self, image_id: str) -> str | None:
        return self._connection.execute(select(_I.owner_id).where(_I.id == image_id)).scalar_one_or_none()

    def newest_of(self, owner_id: str, *, limit: int) -> list[str]:
        """An owner's images, the newest first: nothing is a near-duplicate of what came last."""
        rows = self._connection.execute(
            select(_I.id).where(_I.owner_id == owner_id).order_by(_I.id.desc()).limit(limit)
        )
        return list(rows.scalars())

    def _lock_jobs(self, image_id: str, owner_id: str) -> tuple[str, ...]:
        rows = self._connection.execute(
            select(jobs.c.id)
            .where(jobs.c.image_id == image_id, jobs.c.owner_id == owner_id)
            .with_for_update()
        )
        return tuple(sorted(rows.scalars()))


def name_group_anew(connection: Connection, erased_id: str, *, owner_id: str) -> None:
    """A group has the id of its first image: now of the next one; who is left alone belongs to none."""
    others = (_I.owner_id == owner_id, _I.duplicate_group == erased_id, _I.id != erased_id)
    earliest = connection.execute(select(_I.id).where(*others).order_by(_I.id).limit(2)).scalars().all()
    if earliest:
        group = earliest[0] if len(earliest) > 1 else None
        connection.execute(update(processed_images).where(*others).values(duplicate_group=group))
