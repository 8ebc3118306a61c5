"""Images: the stored records."""

from dataclasses import asdict

from sqlalchemy import Connection, or_, select, update

from database_models import processed_images, tags
from veilgate.persistence.clock import now_ms
from veilgate.persistence.records import ImageRecord, NewImage


class ImageRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, image: NewImage) -> None:
        self._connection.execute(
            processed_images.insert().values(**asdict(image), created_at_ms=now_ms(), updated_at_ms=now_ms())
        )

    def get(self, image_id: str, *, owner_id: str) -> ImageRecord | None:
        table = processed_images.c
        columns = [table[name] for name in ImageRecord.__dataclass_fields__]
        row = self._connection.execute(
            select(*columns).where(table.id == image_id, table.owner_id == owner_id)
        ).one_or_none()
        return ImageRecord(**row._mapping) if row else None

    def point_to(self, image_id: str, job_id: str) -> bool:
        """Make this job's result the one that is shown, unless that of a newer request is.

        Ids of jobs are in order of time, and the first job of an image has the image's own.
        """
        table = processed_images.c
        result = self._connection.execute(
            update(processed_images)
            .where(table.id == image_id, or_(table.current_job_id.is_(None), table.current_job_id <= job_id))
            .values(current_job_id=job_id, updated_at_ms=now_ms())
        )
        return result.rowcount == 1

    def exists(self, image_ids: list[str]) -> set[str]:
        """Those of the given ids that have a row."""
        rows = self._connection.execute(
            select(processed_images.c.id).where(processed_images.c.id.in_(image_ids))
        )
        return set(rows.scalars())

    def replace_tags(self, image_id: str, source: str, counts: dict[str, int], *, owner_id: str) -> None:
        """From now on this source says these tags of an image, and no others."""
        self._connection.execute(tags.delete().where(tags.c.image_id == image_id, tags.c.source == source))
        if counts:
            self._connection.execute(
                tags.insert(),
                [
                    {"image_id": image_id, "tag": tag, "source": source, "owner_id": owner_id, "count": count}
                    for tag, count in counts.items()
                ],
            )
