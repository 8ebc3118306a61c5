"""Another model: everything is embedded anew while the one before answers; then it answers."""

from pathlib import Path

import pytest

from tests.integration.models.embedding_graphs import picture_tower
from tests.integration.search.search_house import MODEL, SearchHouse, Server
from tests.unit.services.test_reembedding import Gallery, jpeg
from tests.waiting import wait_until
from veilgate.inference.embedders.descriptor import Descriptor
from veilgate.storage.local import LocalObjectStore

PICTURES = 20


def serving_model(server: Server) -> str | None:
    indexes = server.health()["indexes"]
    return next((index["model"] for index in indexes if index["role"] == "serving"), None)


@pytest.fixture
def gallery(house: SearchHouse) -> Gallery:
    gallery = Gallery(house.shelf)
    gallery.store = LocalObjectStore(house.shelf.folder / "search" / "objects")
    return gallery


def test_a_switch_while_it_is_asked_and_killed(house: SearchHouse, gallery: Gallery, tmp_path: Path) -> None:
    ids = [gallery.show(jpeg(seed)) for seed in range(PICTURES)]
    server = house.open_server()
    wait_until(lambda: house.last_seq() == PICTURES, timeout_s=60, what="what is missing at the first start")
    server.wait_until_followed()
    old = gallery.vector(ids[0])
    assert old is not None
    [first, *_] = server.search(old, owner="owner-1").hits
    assert first.image_id == ids[0]
    assert server.terminate() == 0

    path = tmp_path / "mine.onnx"
    path.write_bytes(picture_tower())
    house.take_lease_away()
    server.start(EMBEDDING_MODEL_PATH=str(path), FAILPOINTS="reembedded:kill9@2")
    assert server.process.wait(60) == -9
    house.take_lease_away()
    server.start(EMBEDDING_MODEL_PATH=str(path), FAILPOINTS="before_switch:sleep=1.5@1")
    wait_until(lambda: house.last_seq() == 2 * PICTURES, timeout_s=60, what="all of them by the new model")
    assert serving_model(server) == MODEL, "the one before answers until the other can"
    assert server.search(old).hits[0].image_id == ids[0]
    assert server.client.embed(jpeg(0)).model_id == MODEL
    wait_until(lambda: serving_model(server) not in {MODEL, None}, timeout_s=30, what="the switch")
    query = server.client.embed(jpeg(0))
    assert query.model_id.startswith("mine@")
    hits = server.client.search(query.model_id, "owner-1", vector=query.vector, k=PICTURES).hits
    assert hits[0].image_id == ids[0]
    assert {hit.image_id for hit in hits} == set(ids)
    assert server.search(old).hits[0].image_id == ids[0], "who was told of it a moment ago may still ask"


def test_a_wish_that_is_taken_back(house: SearchHouse) -> None:
    """A model that is being built up to is let go when the settings name the one that serves again."""
    with house.shelf.database.write() as transaction:
        transaction.index_models.add(MODEL, dimensions=Descriptor().dimensions)
        transaction.index_models.add("another", dimensions=3)
    assert models(house) == [MODEL, "another"]
    house.open_server()
    wait_until(lambda: models(house) == [MODEL], timeout_s=30, what="only the one that serves")


def models(house: SearchHouse) -> list[str]:
    with house.shelf.database.read() as transaction:
        return [model.model_id for model in transaction.index_models.all()]
