"""What callers filter images by, as conditions on `processed_images`."""

from sqlalchemy import ColumnElement, func, select

from database_models import batch_items, jobs, processed_images, tags
from veilgate.domain.ids import CLOCKS_APART_MS, uuid7
from veilgate.domain.search import ImageFilters, TermSource

_I, _T, _J, _B = processed_images.c, tags.c, jobs.c, batch_items.c
_HIGHEST = chr(0x10FFFF)


def conditions(filters: ImageFilters, *, owner_id: str) -> list[ColumnElement[bool]]:
    """All of them must hold; the first is that the image is this owner's. For images that are named by their
    ids, or found by something else: no index is gone through for what is asked here."""
    found: list[ColumnElement[bool]] = [is_of(owner_id)]
    found += [has_tag(tag, owner_id=owner_id) for tag in filters.tags]
    if filters.vehicle is not None:
        found.append(has_tag(filters.vehicle, owner_id=owner_id, source=TermSource.DETECTED))
    if filters.filename is not None:
        found += _named(filters.filename)
    if filters.batch_id is not None:
        found.append(_in_batch(filters.batch_id))
    # By ids, which are read in their order anyway, and exactly by the database's clock. The sum keeps the
    # index on (owner_id, created_at_ms) out: by it a page of the newest reads all that is in the time.
    if filters.since_ms is not None:
        found.append(_I.created_at_ms + 0 >= filters.since_ms)
    if filters.before_ms is not None:
        found.append(_I.created_at_ms + 0 < filters.before_ms)
    return [*found, *id_range(filters, _I.id)]


def is_of(owner_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    # `coalesce`, or MariaDB reads the owner's whole index to pick a dozen ids from it: 25 ms of 100,000
    # images in place of 2.
    return func.coalesce(_I.owner_id, "") == owner_id


def has_tag(tag: str, *, owner_id: str, source: str | None = None) -> ColumnElement[bool]:
    """The image has this tag, from that source or from whatever source."""
    of_image = [_T.owner_id == owner_id, _T.tag == tag, _T.image_id == _I.id]
    if source is not None:
        of_image.append(_T.source == source)
    # Not EXISTS, which MariaDB makes a join of, and then sorts all that have the tag: 810 ms in place of 10.
    count = select(func.count()).select_from(tags).where(*of_image).correlate(processed_images)
    return count.scalar_subquery() > 0


def _named(pattern: str) -> list[ColumnElement[bool]]:
    """The whole name, or how it begins where the pattern ends with `*`."""
    if not pattern.endswith("*"):
        return [_I.filename == pattern]
    beginning = pattern[:-1]
    # A range, because LIKE would have to be escaped and means another thing in each database.
    return [_I.filename >= beginning, _I.filename < beginning + _HIGHEST] if beginning else []


def _in_batch(batch_id: str) -> ColumnElement[bool]:
    """What came of a batch is few: looked up by itself, not once for each image of the owner."""
    of_batch = select(_J.image_id).join(batch_items, _B.job_id == _J.id).where(_B.batch_id == batch_id)
    return _I.id.in_(of_batch)


def id_range(filters: ImageFilters, column: ColumnElement[str]) -> list[ColumnElement[bool]]:
    """Between which ids the time that is asked for lies."""
    found: list[ColumnElement[bool]] = []
    if filters.since_ms is not None:
        lowest = uuid7(unix_ms=max(0, filters.since_ms - CLOCKS_APART_MS), random=0)
        found.append(column >= lowest)
    if filters.before_ms is not None:
        highest = uuid7(unix_ms=filters.before_ms + CLOCKS_APART_MS, random=2**80 - 1)
        found.append(column <= highest)
    return found
