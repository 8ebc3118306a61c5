"""Which of an owner's images pass filters, in the order of time, without going through all of them."""

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, select

from database_models import processed_images, tags
from veilgate.domain.search import ImageFilters, TermSource
from veilgate.persistence.image_filters import conditions, id_range

_I, _T = processed_images.c, tags.c
# From so many images on, one tag is as good as another to begin with.
_MANY = 1_000


def newest_ids(
    connection: Connection,
    filters: ImageFilters,
    *,
    owner_id: str,
    limit: int,
    below: str | None = None,
    near_duplicates: bool = True,
) -> list[str]:
    """The newest that pass, and are older than the image `below`; with near-duplicates of earlier ones or
    without."""
    query, order = passing(connection, filters, owner_id=owner_id)
    if below is not None:
        query = query.where(order < below)
    if not near_duplicates:
        # `coalesce`, or MariaDB finds all that are none by the index on the column, and sorts them.
        query = query.where(func.coalesce(_I.near_duplicate_of, "") == "")
    return _ids(connection, query.order_by(order.desc()).limit(limit))


def oldest_ids(
    connection: Connection, filters: ImageFilters, *, owner_id: str, limit: int, after: str = ""
) -> list[str]:
    """The oldest that pass, and are newer than the image `after`."""
    query, order = passing(connection, filters, owner_id=owner_id)
    return _ids(connection, query.where(order > after).order_by(order).limit(limit))


def nth_newest(connection: Connection, filters: ImageFilters, *, owner_id: str, number: int) -> str | None:
    """The image before which so many newer ones pass; None if there are not so many."""
    query, order = passing(connection, filters, owner_id=owner_id)
    return connection.execute(query.order_by(order.desc()).offset(number).limit(1)).scalar_one_or_none()


def passing(
    connection: Connection, filters: ImageFilters, *, owner_id: str
) -> tuple[Select[Any], ColumnElement[str]]:
    """All that pass, and the column with their ids.

    Where there are tags, the rarest leads: the images that have it are at hand in their order, while going
    through all images for a rare one reads every one of them. A batch or a whole file name is rarer still.
    """
    tag_filters = _tag_filters(filters)
    named = filters.filename is not None and not filters.filename.endswith("*")
    if not tag_filters or named or filters.batch_id is not None:
        return select(_I.id).where(_I.owner_id == owner_id, *conditions(filters, owner_id=owner_id)), _I.id
    lead = tag_filters[0]
    if len(tag_filters) > 1:
        lead = min(tag_filters, key=lambda one: _count(connection, one, owner_id=owner_id))
    query = (
        select(_T.image_id)
        .select_from(tags)
        .join(processed_images, _I.id == _T.image_id)
        .where(*_tagged(lead, owner_id), *id_range(filters, _T.image_id))
        .where(*conditions(_without(filters, lead), owner_id=owner_id))
    )
    return query, _T.image_id


def _was_said_before() -> ColumnElement[bool]:
    """Several sources may have given the tag, and the first counts. DISTINCT would first go through all."""
    other = tags.alias("other").c
    same = (other.image_id == _T.image_id, other.tag == _T.tag, other.source < _T.source)
    return exists(select(1).where(*same).correlate(tags))


def _tag_filters(filters: ImageFilters) -> list[ImageFilters]:
    """Those that ask for tags, each by itself."""
    found = [ImageFilters(tags=(tag,)) for tag in filters.tags]
    return found if filters.vehicle is None else [*found, ImageFilters(vehicle=filters.vehicle)]


def _without(filters: ImageFilters, one: ImageFilters) -> ImageFilters:
    if one.vehicle is not None:
        return replace(filters, vehicle=None)
    return replace(filters, tags=tuple(tag for tag in filters.tags if tag not in one.tags))


def _tagged(one: ImageFilters, owner_id: str) -> list[ColumnElement[bool]]:
    if one.vehicle is not None:
        return [_T.owner_id == owner_id, _T.tag == one.vehicle, _T.source == TermSource.DETECTED]
    return [_T.owner_id == owner_id, _T.tag == one.tags[0], ~_was_said_before()]


def _count(connection: Connection, one: ImageFilters, *, owner_id: str) -> int:
    of_tag = select(_T.image_id).where(*_tagged(one, owner_id)).limit(_MANY).subquery()
    return int(connection.execute(select(func.count()).select_from(of_tag)).scalar_one())


def _ids(connection: Connection, query: Select[Any]) -> list[str]:
    return list(connection.execute(query).scalars())
