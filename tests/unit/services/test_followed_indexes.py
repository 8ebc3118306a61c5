"""Indexes that are followed: which snapshots are good, and what becomes of one that cannot be saved."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from tests.waiting import wait_until
from veilgate.domain.ids import new_id
from veilgate.persistence.embedding_gaps import EmbeddingGaps
from veilgate.persistence.search_records import NewEmbedding
from veilgate.search.faiss_index import FaissIndex
from veilgate.search.ports import VectorQuery
from veilgate.search.shelf import FaissShelf
from veilgate.services.finding.followed_indexes import FollowedIndexes
from veilgate.services.finding.index_follower import FollowerTiming, IndexFollower

VECTORS = np.eye(4, dtype="<f4")


def put(shelf: Shelf, model_id: str, ids: list[str]) -> None:
    with shelf.database.write() as transaction:
        transaction.embeddings.put(
            [
                NewEmbedding(image_id, OWNER, model_id, "", vector.tobytes())
                for image_id, vector in zip(ids, VECTORS, strict=False)
            ]
        )


def name(shelf: Shelf, model_id: str) -> None:
    """It answers from now on."""
    with shelf.database.write() as transaction:
        transaction.index_models.add(model_id, dimensions=4)
        transaction.index_models.switch_to(model_id)


@contextmanager
def follow(shelf: Shelf, timing: FollowerTiming | None = None) -> Iterator[IndexFollower]:
    """The index of the model that serves, when it has caught up."""
    indexes = FollowedIndexes(shelf.database, FaissShelf(shelf.folder / "indexes"), timing=timing)
    indexes.refresh()
    follower = indexes.serving()
    assert follower
    wait_until(lambda: follower.is_caught_up, timeout_s=10, what="the index")
    yield follower
    indexes.close()


def found(follower: IndexFollower) -> set[str]:
    [answer] = follower.search([VectorQuery(OWNER, VECTORS[0], k=9)])
    return {hit.image_id for hit in answer.hits}


def test_a_model_that_is_named_again_begins_anew(sqlite_shelf: Shelf) -> None:
    """While another one answered, its embeddings went without a word in the log."""
    ids = [new_id() for _ in range(3)]
    sqlite_shelf.add(*ids)
    name(sqlite_shelf, "a")
    put(sqlite_shelf, "a", ids)
    with follow(sqlite_shelf) as follower:
        assert found(follower) == {*ids}
    name(sqlite_shelf, "a")
    with follow(sqlite_shelf) as follower:
        assert follower.facts()["builds"] == 0, "it was never replaced"
    name(sqlite_shelf, "b")
    with sqlite_shelf.database.write() as transaction:
        EmbeddingGaps(transaction.connection).delete_some_of("a", limit=9)
    name(sqlite_shelf, "a")
    put(sqlite_shelf, "a", ids[:2])
    with follow(sqlite_shelf) as follower:
        assert found(follower) == {*ids[:2]}


def test_what_could_not_be_saved_is_tried_again(sqlite_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    saved, save = [], FaissIndex.save

    def failing(index: FaissIndex) -> None:
        saved.append(index.seq)
        if len(saved) < 3:
            raise OSError(28, "No space left on device")
        save(index)

    monkeypatch.setattr(FaissIndex, "save", failing)
    image_id = new_id()
    sqlite_shelf.add(image_id)
    name(sqlite_shelf, "a")
    put(sqlite_shelf, "a", [image_id])
    with follow(sqlite_shelf, FollowerTiming(poll_s=0.02, save_after_s=0.02)):
        wait_until(lambda: len(saved) == 3, timeout_s=10, what="the third try")
    assert len(saved) == 3, "there is nothing left to save at the end"
    with follow(sqlite_shelf) as follower:
        assert follower.facts()["builds"] == 0


def test_prometheus_is_told_how_large_it_is_and_how_far_behind(sqlite_shelf: Shelf) -> None:
    ids = [new_id() for _ in range(3)]
    sqlite_shelf.add(*ids)
    indexes = FollowedIndexes(sqlite_shelf.database, FaissShelf(sqlite_shelf.folder / "indexes"))
    assert indexes.numbers() == [], "as long as no model serves there is no index"
    name(sqlite_shelf, "a")
    put(sqlite_shelf, "a", ids)
    indexes.refresh()

    def numbers() -> dict[str, float]:
        return {value.reading.name: value.value for value in indexes.numbers()}

    followed = {"index_size_total": 3, "veilgate_index_lag_entries": 0, "veilgate_index_lag_seconds": 0}
    wait_until(lambda: numbers() == followed, timeout_s=10, what="the index")
    indexes.close()
