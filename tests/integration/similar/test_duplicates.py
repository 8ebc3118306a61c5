"""Groups of near-duplicates as each kind of database counts and reads them."""

from typing import Any

import pytest
from sqlalchemy import event

from database_models import processed_images
from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.ids import new_id
from veilgate.domain.rejections import InvalidCursor
from veilgate.services.finding.duplicates import Duplicates, DuplicatesPage

GROUPS = 400


def fill(shelf: Shelf, sizes: dict[str, int], *, owner: str = OWNER) -> None:
    """Groups by the id of their first image, and beside each an image that belongs to none."""
    rows = []
    for group, size in sizes.items():
        members = [group, *(f"{group}-{number:04}" for number in range(1, size)), f"{group}-alone"]
        for image_id in members:
            common = {"filename": "a", "file_size": 1, "format": "jpeg", "width": 9, "height": 9}
            keys = {"sha256": "0", "original_key": "k", "created_at_ms": 1, "updated_at_ms": 1}
            in_group = None if image_id.endswith("alone") else group
            rows.append({"id": image_id, "owner_id": owner, "duplicate_group": in_group, **common, **keys})
    with shelf.database.write() as transaction:
        transaction.connection.execute(processed_images.insert(), rows)


def shown(page: DuplicatesPage) -> list[tuple[str, int, list[str]]]:
    return [
        (group.group_id, group.count, [image.image_id for image in group.images]) for group in page.groups
    ]


def test_groups_and_their_earliest_images(shelf: Shelf) -> None:
    fill(shelf, {"a": 2, "b": 1, "c": 60})
    fill(shelf, {"d": 5}, owner="somebody-else")
    duplicates = Duplicates(shelf.database)
    page = duplicates.page(OWNER, min_size=2, limit=5)
    first_of_c = ["c", *(f"c-{number:04}" for number in range(1, 50))]
    assert shown(page) == [("c", 60, first_of_c), ("a", 2, ["a", "a-0001"])]
    assert page.next is None
    assert duplicates.page("nobody", min_size=2, limit=5) == DuplicatesPage((), None)


def test_every_group_is_on_one_page(sqlite_shelf: Shelf) -> None:
    groups = sorted(new_id() for _ in range(7))
    fill(sqlite_shelf, dict.fromkeys(groups, 2))
    duplicates = Duplicates(sqlite_shelf.database)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = duplicates.page(OWNER, min_size=2, limit=3, cursor=cursor)
        seen += [group.group_id for group in page.groups]
        cursor = page.next
        if cursor is None:
            break
    assert seen == groups[::-1]
    with pytest.raises(InvalidCursor):
        duplicates.page(OWNER, min_size=2, limit=3, cursor="x")


def test_a_page_costs_two_statements_from_an_index(shelf: Shelf) -> None:
    fill(shelf, {f"{number:05}": 3 for number in range(GROUPS)})
    asked: list[tuple[str, Any]] = []
    if shelf.is_server:
        with shelf.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE TABLE processed_images").all()

    @event.listens_for(shelf.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, values: Any, *_more: object) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, values))

    assert len(Duplicates(shelf.database).page(OWNER, min_size=2, limit=20).groups) == 20
    event.remove(shelf.engine, "before_cursor_execute", note)
    assert len(asked) == 2
    explain = "EXPLAIN" if shelf.is_server else "EXPLAIN QUERY PLAN"
    with shelf.engine.connect() as connection:
        for statement, values in asked:
            plan = connection.exec_driver_sql(f"{explain} {statement}", values).mappings().all()
            assert "ix_processed_images_owner_id_duplicate_group" in str(plan), plan
            assert "SCAN processed_images" not in str(plan), plan
            # Groups are counted in the order of the index, as far as the page goes and no further.
            assert "GROUP BY" not in statement or "temp" not in str(plan).casefold(), plan
