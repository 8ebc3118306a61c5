"""Images that show a result and have no words to be found by."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, exists, select

from database_models import processed_images, tags
from veilgate.domain.search import TermSource
from veilgate.persistence.tables.search import image_terms

_I, _T, _W = processed_images.c, tags.c, image_terms.c
# Those that come with a result: the owner may have said something before.
_WRITTEN = _W.source.in_((TermSource.FILENAME, TermSource.DETECTED))
_HAS_WORDS = exists(select(1).where(_W.image_id == _I.id, _WRITTEN).correlate(processed_images))


@dataclass(frozen=True, slots=True)
class WordlessImage:
    id: str
    owner_id: str
    filename: str


def wordless_after(connection: Connection, image_id: str, *, limit: int) -> tuple[list[str], str | None]:
    """Those among the next so many images, and the last of these; None behind the end."""
    rows = connection.execute(
        select(_I.id, _I.current_job_id, _HAS_WORDS.label("has_words"))
        .where(_I.id > image_id)
        .order_by(_I.id)
        .limit(limit)
    ).all()
    found = [row.id for row in rows if row.current_job_id and not row.has_words]
    return found, rows[-1].id if rows else None


def lock_wordless(connection: Connection, image_ids: Sequence[str]) -> list[WordlessImage]:
    """Those of them that are still there and have no words, which no new result gives them until we are
    done."""
    rows = connection.execute(
        select(_I.id, _I.owner_id, _I.filename).where(_I.id.in_(image_ids)).order_by(_I.id).with_for_update()
    )
    images = [WordlessImage(*row) for row in rows]
    having = select(_W.image_id).where(_W.image_id.in_(image_ids), _WRITTEN)
    given = set(connection.execute(having).scalars())
    return [image for image in images if image.id not in given]


def tags_by(connection: Connection, image_ids: Sequence[str], source: str) -> dict[str, list[str]]:
    """What a source says is on each image."""
    found: dict[str, list[str]] = {}
    query = select(_T.image_id, _T.tag).where(_T.image_id.in_(image_ids), _T.source == source)
    for row in connection.execute(query.order_by(_T.image_id, _T.tag)):
        found.setdefault(row.image_id, []).append(row.tag)
    return found
