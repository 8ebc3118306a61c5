"""Who is a near-duplicate of whom: written in the order of the log, the same whatever is killed meanwhile."""

import numpy as np
import pytest
from sqlalchemy import delete, update

from database_models import processed_images
from tests.integration.search.search_house import (
    MODEL,
    THRESHOLD,
    SearchHouse,
    Vectors,
    random_vectors,
    unit_rows,
)

FAMILIES, MEMBERS = 12, 5
Kinship = dict[str, tuple[str | None, str | None]]


def families(seed: int) -> Vectors:
    """Vectors of families whose members are alike: the first of each, then the second of each, and so on."""
    first = random_vectors(FAMILIES, seed=seed)
    noise = random_vectors(FAMILIES * MEMBERS, seed=seed + 1)
    return unit_rows(np.tile(first, (MEMBERS, 1)) + 0.2 * noise)


def expected(ids: list[str], vectors: Vectors) -> Kinship:
    """By comparing each with all before it."""
    found: Kinship = {}
    for place, image_id in enumerate(ids):
        scores = vectors[:place] @ vectors[place] if place else np.zeros(0)
        likest = int(np.argmax(scores)) if scores.size else -1
        if likest < 0 or scores[likest] < THRESHOLD:
            found[image_id] = (None, None)
            continue
        root = found[ids[likest]][1] or ids[likest]
        found[ids[likest]] = (found[ids[likest]][0], root)
        found[image_id] = (ids[likest], root)
    return found


def test_written_in_the_order_of_the_log(shared_house: SearchHouse) -> None:
    vectors = families(seed=20)
    ids = shared_house.add(vectors, a_time=7, owner="families")
    shared_house.add(vectors[:5], owner="somebody-else")
    shared_house.wait_until_judged()
    wanted = expected(ids, vectors)
    assert len({group for _, group in wanted.values()}) == FAMILIES
    assert shared_house.kinship("families") == wanted
    assert {group for _, group in shared_house.kinship("somebody-else").values()} == {None}
    [row] = shared_house.shelf.rows("SELECT * FROM processed_images WHERE id = :id", id=ids[-1])
    likest = shared_house.likest(vectors[-1], k=2, owner="families")[1]
    assert row["near_duplicate_of"] == likest.image_id
    assert row["near_duplicate_score"] == pytest.approx(likest.score, abs=1e-5)


def test_kills_change_nothing(house: SearchHouse) -> None:
    """Before and after a page is written down."""
    vectors = families(seed=22)
    server = house.open_server(NEAR_DUPLICATE_SCORE=str(THRESHOLD))
    server.wait_until_followed(0)
    server.kill()
    ids: list[str] = []
    for start, place in ((0, "near_duplicates_found"), (20, "near_duplicates_written")):
        ids += house.add(vectors[start : start + 10])
        house.take_lease_away()
        server.start(FAILPOINTS=f"{place}:kill9@1")
        assert server.process.wait(30) == -9, place
        ids += house.add(vectors[start + 10 : start + 20])
    house.take_lease_away()
    server.start()
    ids += house.add(vectors[40:])
    house.wait_until_judged()
    assert house.kinship() == expected(ids, vectors)


def test_two_leaders_at_once_write_the_same(house: SearchHouse) -> None:
    """Their lease is taken away again and again: what the slower one found counts for nothing."""
    vectors = families(seed=24)
    servers = [house.open_server(name, NEAR_DUPLICATE_SCORE=str(THRESHOLD)) for name in ("one", "two")]
    for server in servers:
        server.wait_until_followed(0)
    ids: list[str] = []
    for start in range(0, len(vectors), 4):
        ids += house.add(vectors[start : start + 4])
        house.take_lease_away()
    house.wait_until_judged()
    assert house.kinship() == expected(ids, vectors)


def test_of_one_that_was_erased_the_next_likest_is_found(shared_house: SearchHouse) -> None:
    base, *noise = random_vectors(3, seed=26)
    vectors = unit_rows(np.stack([base + 0.3 * noise[0], base + 0.05 * noise[1], base]))
    first, second, third = shared_house.add(vectors, owner="eraser")
    shared_house.wait_until_judged()
    assert shared_house.kinship("eraser")[third] == (second, first)
    erase(shared_house, second, left=[first, third], owner="eraser")
    shared_house.wait_until_judged()
    assert shared_house.kinship("eraser") == {first: (None, first), third: (first, first)}


def test_an_image_that_is_embedded_again_is_judged_anew(shared_house: SearchHouse) -> None:
    one, other = random_vectors(2, seed=28)
    first, second, third = shared_house.add(np.stack([one, other, one]), owner="redo")
    shared_house.wait_until_judged()
    kinship = {first: (None, first), second: (None, None), third: (first, first)}
    assert shared_house.kinship("redo") == kinship
    shared_house.put_again(third, other, owner="redo")
    shared_house.wait_until_judged()
    kinship = {first: (None, first), second: (None, second), third: (second, second)}
    assert shared_house.kinship("redo") == kinship
    # Now the earliest again: it is not a near-duplicate of its own near-duplicates.
    shared_house.put_again(second, other, owner="redo")
    shared_house.wait_until_judged()
    assert shared_house.kinship("redo") == kinship


def erase(house: SearchHouse, image_id: str, *, left: list[str], owner: str) -> None:
    """As erasing does it, as far as it matters here."""
    image = processed_images.c
    with house.shelf.database.write() as transaction:
        transaction.embeddings.remove(image_id)
        transaction.connection.execute(
            update(processed_images)
            .where(image.near_duplicate_of == image_id)
            .values(near_duplicate_of=None, near_duplicate_score=None)
        )
        transaction.connection.execute(delete(processed_images).where(image.id == image_id))
        transaction.embeddings.judge_again(left, owner_id=owner, model_id=MODEL)
