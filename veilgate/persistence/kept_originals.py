"""How many originals are kept and how large they are, page by page: a page costs the same at a million."""

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from database_models import processed_images

_I = processed_images.c


@dataclass(frozen=True, slots=True)
class KeptPage:
    """`last_id`: of the images that were looked at; None when there was none."""

    last_id: str | None
    originals: int
    original_bytes: int


def kept_originals_after(connection: Connection, image_id: str, *, limit: int) -> KeptPage:
    """Of the next `limit` images, whose ids begin with the time."""
    page = (
        select(_I.id, _I.file_size, _I.original_dropped_at_ms)
        .where(_I.id > image_id)
        .order_by(_I.id)
        .limit(limit)
        .subquery()
        .c
    )
    # Not a condition of the page: with one, a server would rather sort by id what another index says is kept.
    kept_bytes = case((page.original_dropped_at_ms.is_(None), page.file_size))
    last_id, originals, original_bytes = connection.execute(
        select(func.max(page.id), func.count(kept_bytes), func.coalesce(func.sum(kept_bytes), 0))
    ).one()
    return KeptPage(last_id, int(originals), int(original_bytes))
