"""Groups of images that look nearly the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from database_models import jobs, processed_images

_I, _J = processed_images.c, jobs.c


@dataclass(frozen=True, slots=True)
class GroupSize:
    group_id: str
    count: int


@dataclass(frozen=True, slots=True)
class GroupMember:
    """An image of a group; `score` is its likeness to `near_duplicate_of`."""

    group_id: str
    image_id: str
    filename: str
    file_size: int
    created_at_ms: int
    near_duplicate_of: str | None
    score: float | None
    result_key: str | None
    original_dropped_at_ms: int | None


class DuplicateRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def groups(self, owner_id: str, *, before: str | None, min_size: int, limit: int) -> list[GroupSize]:
        """Groups with so many members, those that began last first: a group has the id of its first image,
        and ids are in order of time. Read from the index on (owner_id, duplicate_group) alone."""
        within = [_I.owner_id == owner_id, _I.duplicate_group.is_not(None)]
        if before is not None:
            within.append(_I.duplicate_group < before)
        rows = self._connection.execute(
            select(_I.duplicate_group, func.count())
            .where(*within)
            .group_by(_I.duplicate_group)
            .having(func.count() >= min_size)
            .order_by(_I.duplicate_group.desc())
            .limit(limit)
        )
        return [GroupSize(*row) for row in rows]

    def members(
        self, group_ids: Sequence[str], *, owner_id: str, most_of_each: int
    ) -> dict[str, list[GroupMember]]:
        """The earliest images of each group."""
        place = func.row_number().over(partition_by=_I.duplicate_group, order_by=_I.id).label("place")
        ranked = (
            select(_I.id, place).where(_I.owner_id == owner_id, _I.duplicate_group.in_(group_ids)).subquery()
        )
        rows = self._connection.execute(
            select(
                *(_I.duplicate_group, _I.id, _I.filename, _I.file_size, _I.created_at_ms),
                *(_I.near_duplicate_of, _I.near_duplicate_score, _J.result_key, _I.original_dropped_at_ms),
            )
            .join_from(ranked, processed_images, _I.id == ranked.c.id)
            .outerjoin(jobs, _J.id == _I.current_job_id)
            .where(ranked.c.place <= most_of_each)
            .order_by(_I.id)
        )
        found: dict[str, list[GroupMember]] = {group_id: [] for group_id in group_ids}
        for row in rows:
            found[row[0]].append(GroupMember(*row))
        return found
