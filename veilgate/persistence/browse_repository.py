"""Images as their owner looks through them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from database_models import jobs, processed_images, tags
from veilgate.persistence.clock import now_ms
from veilgate.persistence.image_filters import is_of

_I, _J, _T = processed_images.c, jobs.c, tags.c


@dataclass(frozen=True, slots=True)
class ListedImage:
    id: str
    filename: str
    file_size: int
    format: str
    width: int
    height: int
    sha256: str
    current_job_id: str | None
    near_duplicate_of: str | None
    near_duplicate_score: float | None
    duplicate_group: str | None
    description: str | None
    original_dropped_at_ms: int | None
    created_at_ms: int
    updated_at_ms: int


@dataclass(frozen=True, slots=True)
class ImageJob:
    """One of the jobs of an image."""

    id: str
    image_id: str
    kind: str
    status: str
    result_key: str | None
    error_code: str | None
    error_message: str | None
    created_at_ms: int
    updated_at_ms: int


@dataclass(frozen=True, slots=True)
class ImageTag:
    image_id: str
    tag: str
    source: str
    count: int


_LISTED = select(*(_I[name] for name in ListedImage.__dataclass_fields__))
_JOBS = select(*(_J[name] for name in ImageJob.__dataclass_fields__))


class BrowseRepository:
    def __init__(self, connection: Connection, owner_id: str) -> None:
        self._connection = connection
        self._owner_id = owner_id

    def images(self, image_ids: Sequence[str]) -> dict[str, ListedImage]:
        """Those that are there and this owner's."""
        rows = self._connection.execute(_LISTED.where(_I.id.in_(image_ids), is_of(self._owner_id)))
        return {row.id: ListedImage(*row) for row in rows}

    def jobs(self, image_ids: Sequence[str]) -> list[ImageJob]:
        """In the order in which they were asked for."""
        # Sorted here: asked for an order, a server may go through all jobs in that order instead.
        rows = self._connection.execute(_JOBS.where(_J.image_id.in_(image_ids)))
        return sorted((ImageJob(*row) for row in rows), key=lambda job: job.id)

    def tags(self, image_ids: Sequence[str]) -> list[ImageTag]:
        rows = self._connection.execute(
            select(_T.image_id, _T.tag, _T.source, _T.count).where(_T.image_id.in_(image_ids))
        )
        return sorted((ImageTag(*row) for row in rows), key=lambda one: (one.tag, one.source))

    def describe(self, image_id: str, changes: dict[str, str | None]) -> bool:
        """Write what the owner says of an image, and hold its row; False when there is none."""
        result = self._connection.execute(
            update(processed_images)
            .where(_I.id == image_id, _I.owner_id == self._owner_id)
            .values(updated_at_ms=now_ms(), **changes)
        )
        return result.rowcount == 1
