"""A page of images is read from an index, in its order: it costs the same at a million images."""

from typing import Any

import pytest

from database_models import batch_items, batches, jobs, processed_images, tags
from tests.integration.persistence.databases import OWNER, Shelf
from tests.integration.persistence.test_query_plans import Question, plan_of
from veilgate.domain.ids import uuid7
from veilgate.domain.search import ImageFilters
from veilgate.persistence.browse_repository import BrowseRepository
from veilgate.persistence.filtered_ids import newest_ids
from veilgate.persistence.missing_words import wordless_after
from veilgate.persistence.similar_repository import SimilarRepository
from veilgate.persistence.tables.search import image_terms, terms
from veilgate.persistence.word_search import WordSearch

COUNT, FIRST_MS = 3_000, 1_700_000_000_000
IDS = [uuid7(unix_ms=FIRST_MS + number, random=number) for number in range(COUNT)]


def page(**more: Any) -> Question:
    rest = {name: more.pop(name) for name in ("below", "near_duplicates") if name in more}
    return lambda t: newest_ids(t.connection, ImageFilters(**more), owner_id=OWNER, limit=50, **rest)


# Name -> what is asked, and whether what is found is few enough to be sorted.
QUESTIONS: dict[str, tuple[Question, bool]] = {
    "newest": (page(), False),
    "further": (page(below=IDS[2_000]), False),
    "tag": (page(tags=("car",)), False),
    "vehicle": (page(vehicle="car"), False),
    "time": (page(since_ms=FIRST_MS + 99, before_ms=FIRST_MS + 999), False),
    "tag in time": (page(tags=("car",), since_ms=FIRST_MS + 99, before_ms=FIRST_MS + 999), False),
    "without near-duplicates": (page(near_duplicates=False), False),
    "file name": (page(filename="b.jpg"), True),
    "beginning of a file name": (page(filename="b*"), True),
    "batch": (page(batch_id="batch"), True),
    "named images": (lambda t: BrowseRepository(t.connection, OWNER).images(IDS[:3]), False),
    "hits": (lambda t: SimilarRepository(t.connection).found(IDS[:3], ImageFilters(), owner_id=OWNER), False),
    "listed words": (lambda t: WordSearch(t.connection, OWNER).known(["car"]), False),
    "words that begin so": (lambda t: WordSearch(t.connection, OWNER).beginning("ca", limit=9), False),
    "missing words": (lambda t: wordless_after(t.connection, IDS[5], limit=9), False),
}


@pytest.fixture
def full_shelf(shelf: Shelf) -> Shelf:
    """Half of the images are somebody else's."""
    rows: dict[Any, list[dict[str, Any]]] = {processed_images: [], jobs: [], tags: [], image_terms: []}
    rows[terms] = [{"owner_id": OWNER, "term": "car"}]
    for number, image_id in enumerate(IDS):
        own = {"owner_id": OWNER if number % 2 else "somebody"}
        times = {"created_at_ms": FIRST_MS + number, "updated_at_ms": 1}
        picture = {"filename": "ab"[number % 2], "file_size": 1, "format": "jpeg", "width": 9, "height": 9}
        rows[processed_images].append(
            {"id": image_id, **own, **times, **picture, "sha256": "0", "original_key": "k"}
        )
        state = {"kind": "veil", "lane": "bulk", "status": "completed", "options": "{}", "not_before_ms": 1}
        rows[jobs].append({"id": image_id, "image_id": image_id, **own, **times, **state})
        rows[tags].append({"image_id": image_id, **own, "tag": "car", "source": "detected", "count": 1})
        rows[image_terms].append({"image_id": image_id, **own, "term": "car", "source": "detected"})
    with shelf.database.write() as transaction:
        for table, values in rows.items():
            transaction.connection.execute(table.insert(), values)
        transaction.connection.execute(batches.insert().values(id="batch", owner_id=OWNER, created_at_ms=1))
        item = {"batch_id": "batch", "position": 1, "filename": "a", "job_id": IDS[1], "deduplicated": False}
        transaction.connection.execute(batch_items.insert(), [item])
    if shelf.is_server:
        with shelf.engine.connect() as connection:
            names = ", ".join(table.name for table in [*rows, batch_items])
            connection.exec_driver_sql(f"ANALYZE TABLE {names}").all()
    return shelf


def test_nothing_is_read_through_or_sorted(full_shelf: Shelf) -> None:
    for name, (ask, may_sort) in QUESTIONS.items():
        plan = plan_of(full_shelf, ask)
        if full_shelf.is_server:
            tables = [row for row in plan if not row["table"].startswith("<")]
            assert not [row for row in tables if row["type"] == "ALL"], (name, plan)
            steps = " ".join(str(row["Extra"]) for row in plan)
        else:
            steps = " ".join(row["detail"] for row in plan)
            assert "SCAN" not in steps, (name, plan)
        if not may_sort:
            assert "filesort" not in steps, (name, plan)
            assert "TEMP B-TREE" not in steps, (name, plan)
