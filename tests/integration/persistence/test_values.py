"""What is written comes back as it was, on each database, and is told apart byte by byte."""

import json

import pytest
from sqlalchemy.exc import IntegrityError

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.jobs import JobKind, Lane
from veilgate.domain.options import UploadOptions
from veilgate.persistence.records import NewBatchItem, NewEvent, NewImage, NewJob

NAMES = (
    "ferien 🏖️ am 日本海.jpg",
    "🦊" * 255,
    "ﷺ" * 255,
    "x" * 255,
    "quote ' \" ` and \\ back%slash %s %(name)s :name.jpg",
    "trailing space ",
    "\u0000".join(["a", "b"]),
    "é",
    "e\u0301",
)

# Not by a space at the end: the one binary collation that MySQL and MariaDB share pads with spaces.
OWNERS = ("owner", "Owner", "öwner")


def image(image_id: str, filename: str = "a.jpg", owner_id: str = OWNER) -> NewImage:
    return NewImage(image_id, owner_id, "0" * 64, filename, 5_000_000_000, "jpeg", 65535, 65535, "k" * 255)


@pytest.mark.parametrize("filename", NAMES, ids=range(len(NAMES)))
def test_a_file_name_comes_back(shelf: Shelf, filename: str) -> None:
    with shelf.database.write() as transaction:
        transaction.images.insert(image("a", filename))
        transaction.batches.insert("batch", owner_id=OWNER)
        transaction.batches.put(NewBatchItem("batch", 0, filename, None, None, "x", filename))
    with shelf.database.read() as transaction:
        found = transaction.images.get("a", owner_id=OWNER)
        [item] = transaction.batches.items("batch", first=0, limit=9)
    assert found
    assert (found.filename, found.file_size, found.width) == (filename, 5_000_000_000, 65535)
    assert (item.filename, item.error_message) == (filename, filename)


def test_a_large_result_comes_back(shelf: Shelf) -> None:
    """Thousands of boxes; more than the 64 KiB of MySQL's TEXT."""
    results = json.dumps({"faces": [{"box": [n, n, n, n], "note": "🦊"} for n in range(60_000)]})
    assert len(results) > 3_000_000
    shelf.add("a")
    fence = shelf.claim("a")
    assert fence is not None
    with shelf.database.write() as transaction:
        transaction.events.append_fenced("a", fence, NewEvent("find_faces", "produced", results))
        transaction.claims.complete("a", fence, results=results, result_key="k")
    with shelf.database.read() as transaction:
        job = transaction.jobs.get("a", owner_id=OWNER)
        events = transaction.events.after("a", 1)
    assert job
    assert job.results == results
    assert [event.payload for event in events] == [results]


def test_owners_are_told_apart_by_case_and_accent(shelf: Shelf) -> None:
    with shelf.database.write() as transaction:
        for number, owner_id in enumerate(OWNERS):
            transaction.images.insert(image(f"image-{number}", owner_id=owner_id))
    with shelf.database.read() as transaction:
        for number, owner_id in enumerate(OWNERS):
            for other in range(len(OWNERS)):
                found = transaction.images.get(f"image-{other}", owner_id=owner_id)
                assert (found is not None) is (other == number)


def test_tags_are_told_apart_by_case(shelf: Shelf) -> None:
    counts = {"car": 1, "Car": 2, "cår": 3}
    shelf.add("a")
    for _ in range(2):
        with shelf.database.write() as transaction:
            transaction.images.replace_tags("a", "vehicles", counts, owner_id=OWNER)
    rows = shelf.rows("SELECT tag, count FROM tags")
    assert {row["tag"]: row["count"] for row in rows} == counts


def test_a_job_of_an_image_that_is_not_there_is_refused(shelf: Shelf) -> None:
    job = NewJob("a", OWNER, "nobody", JobKind.VEIL, Lane.BULK, UploadOptions().as_json(), None)
    with pytest.raises(IntegrityError), shelf.database.write() as transaction:
        transaction.jobs.insert(job)


def test_renewing_with_the_same_values_counts_as_done(shelf: Shelf) -> None:
    """MySQL counts the rows that changed; asked as we do, those that were found."""
    shelf.add("a")
    for _ in range(3):
        with shelf.database.write() as transaction:
            transaction.jobs.mark_dispatched(["a"])
            transaction.totals.add(completed=0, failed=1)
            assert transaction.leases.acquire("leader", holder="me", lease_ms=60_000)
            assert transaction.leases.acquire("leader", holder="me", lease_ms=60_000)
    assert len(shelf.rows("SELECT * FROM totals")) == 1
