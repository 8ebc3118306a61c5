"""What a search for similar images reads: what to look for, among what, and what was found."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, select

from database_models import jobs, processed_images
from veilgate.domain.search import ImageFilters, IndexModelState
from veilgate.persistence.filtered_ids import oldest_ids, passing
from veilgate.persistence.image_filters import conditions, is_of
from veilgate.persistence.tables.search import embeddings, index_models

_I, _J, _E, _M = processed_images.c, jobs.c, embeddings.c, index_models.c


@dataclass(frozen=True, slots=True)
class SoughtImage:
    """An image that others are to be like. `model_id` is the model that serves, None where none does;
    `vector` what that model made of the image, None where it made nothing (yet)."""

    model_id: str | None
    vector: bytes | None


@dataclass(frozen=True, slots=True)
class FoundImage:
    """What answers say of a hit; `result_key` leads to its files."""

    image_id: str
    filename: str
    file_size: int
    created_at_ms: int
    result_key: str | None
    original_dropped_at_ms: int | None


_SERVING = _M.state == IndexModelState.SERVING
_SOUGHT = (
    select(_M.model_id, _E.vector)
    .select_from(processed_images)
    .outerjoin(index_models, _SERVING)
    .outerjoin(embeddings, and_(_E.image_id == _I.id, _E.model_id == _M.model_id))
    .where(_I.id == bindparam("image_id"), _I.owner_id == bindparam("owner_id"))
)
_FOUND = select(
    *(_I.id.label("image_id"), _I.filename, _I.file_size, _I.created_at_ms),
    *(_J.result_key, _I.original_dropped_at_ms),
).outerjoin_from(processed_images, jobs, _J.id == _I.current_job_id)
_FOUND_OF_OWNER = _FOUND.where(
    is_of(bindparam("owner_id")), _I.id.in_(bindparam("image_ids", expanding=True))
)


class SimilarRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sought(self, image_id: str, *, owner_id: str) -> SoughtImage | None:
        """None where the owner has no such image."""
        row = self._connection.execute(_SOUGHT, {"image_id": image_id, "owner_id": owner_id}).first()
        return SoughtImage(*row) if row else None

    def ids_that_fit(
        self, filters: ImageFilters, *, owner_id: str, limit: int, after: str | None = None
    ) -> list[str]:
        """Images of an owner that the filters let through: any of them, or the next ones behind an id."""
        if after is not None:
            return oldest_ids(self._connection, filters, owner_id=owner_id, limit=limit, after=after)
        # In no order, because one would keep indexes out, as that of file names.
        query, _ = passing(self._connection, filters, owner_id=owner_id)
        return list(self._connection.execute(query.limit(limit)).scalars())

    def found(
        self, image_ids: Sequence[str], filters: ImageFilters, *, owner_id: str
    ) -> dict[str, FoundImage]:
        """By id, those that are still there, are this owner's, and pass the filters."""
        if filters.is_empty:  # as nearly always, and to put it together takes longer than to ask it
            rows = self._connection.execute(_FOUND_OF_OWNER, {"owner_id": owner_id, "image_ids": image_ids})
        else:
            query = _FOUND.where(*conditions(filters, owner_id=owner_id), _I.id.in_(image_ids))
            rows = self._connection.execute(query)
        return {row[0]: FoundImage(*row) for row in rows}
