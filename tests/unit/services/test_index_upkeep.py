"""What search forgets: old lines that were judged, and embeddings of models that were replaced."""

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.ids import new_id
from veilgate.persistence.search_records import NewEmbedding
from veilgate.services.finding.index_upkeep import IndexUpkeep
from veilgate.services.finding.near_duplicates import judged_counter, rejudged_counter

DAY_MS = 86_400_000


@pytest.fixture
def embedded(shelf: Shelf) -> Shelf:
    """Four images, embedded with `old` and then with `new`, which serves; seven of these lines are old."""
    ids = [new_id() for _ in range(4)]
    shelf.add(*ids)
    with shelf.database.write() as transaction:
        transaction.index_models.add("new", dimensions=1)
        for model_id in ("old", "new"):
            transaction.embeddings.put(
                [NewEmbedding(image_id, OWNER, model_id, "", b"\0\0\x80\x3f") for image_id in ids]
            )
        transaction.connection.exec_driver_sql(
            f"UPDATE index_log SET at_ms = at_ms - {8 * DAY_MS} WHERE seq <= 7"  # noqa: S608
        )
    return shelf


def seqs(shelf: Shelf) -> list[int]:
    return [row["seq"] for row in shelf.rows("SELECT seq FROM index_log ORDER BY seq")]


def models(shelf: Shelf) -> list[str]:
    return [
        row["model_id"] for row in shelf.rows("SELECT DISTINCT model_id FROM embeddings ORDER BY model_id")
    ]


def run(shelf: Shelf, *, goes_on: bool = True) -> None:
    IndexUpkeep(shelf.database).run(lambda: goes_on)


def test_old_lines_go_once_they_are_judged(embedded: Shelf) -> None:
    run(embedded)
    assert seqs(embedded) == list(range(1, 9)), "nothing was judged yet"
    with embedded.database.write() as transaction:
        transaction.counters.add(judged_counter("new"), 6)
    run(embedded)
    assert seqs(embedded) == list(range(1, 9)), "nor again, if that was asked"
    with embedded.database.write() as transaction:
        transaction.counters.add(rejudged_counter("new"), 8)
    run(embedded)
    assert seqs(embedded) == [7, 8]
    with embedded.database.write() as transaction:
        transaction.counters.add(judged_counter("new"), 2)
    run(embedded)
    assert seqs(embedded) == [8], "the last is of today"


def test_no_line_goes_that_has_a_younger_one_before_it(embedded: Shelf) -> None:
    """Written by a machine whose clock is behind: who was away would not see that it is missing."""
    with embedded.database.write() as transaction:
        for counter in (judged_counter, rejudged_counter):
            transaction.counters.add(counter("new"), 8)
        transaction.connection.exec_driver_sql(
            f"UPDATE index_log SET at_ms = at_ms + {8 * DAY_MS} WHERE seq = 3"  # noqa: S608
        )
    run(embedded)
    assert seqs(embedded) == list(range(3, 9))


def test_embeddings_of_a_replaced_model_go(embedded: Shelf) -> None:
    run(embedded)
    assert models(embedded) == ["new"]
    assert len(embedded.rows("SELECT * FROM embeddings")) == 4


def test_a_model_that_workers_use_already_is_left_alone(embedded: Shelf) -> None:
    """They may have been started with it before the search server was."""
    with embedded.database.write() as transaction:
        transaction.embeddings.judge_again([new_id()], owner_id=OWNER, model_id="old")
    run(embedded)
    assert models(embedded) == ["new", "old"]


def test_nothing_goes_where_no_model_is_named(embedded: Shelf) -> None:
    with embedded.database.write() as transaction:
        transaction.index_models.forget("new")
        transaction.counters.add(judged_counter("new"), 8)
    run(embedded)
    assert models(embedded) == ["new", "old"]
    assert len(seqs(embedded)) == 8


def test_it_stops_when_somebody_else_leads(embedded: Shelf) -> None:
    run(embedded, goes_on=False)
    assert models(embedded) == ["new", "old"]
