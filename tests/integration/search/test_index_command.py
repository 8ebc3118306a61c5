"""`veilgate index …` as an operator runs it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.fixtures.private_redis import RunningRedis
from tests.integration.models.embedding_graphs import picture_tower
from tests.integration.search.search_house import MODEL, SearchHouse, Server
from tests.unit.services.test_reembedding import Gallery, jpeg
from tests.waiting import wait_until
from veilgate.storage.local import LocalObjectStore

OWNER = "owner-1"


def index(server: Server, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return server.processes.ask("-m", "veilgate", "index", *words, **settings)


def findings(server: Server) -> set[str]:
    answer = index(server, "verify", "--json")
    document: dict[str, Any] = json.loads(answer.stdout)
    assert answer.returncode == (0 if document["agrees"] else 1), answer.stderr
    return {finding["name"] for finding in document["findings"]}


@pytest.fixture
def gallery(house: SearchHouse) -> Gallery:
    gallery = Gallery(house.shelf)
    gallery.store = LocalObjectStore(house.shelf.folder / "search" / "objects")
    return gallery


def test_status_rebuild_and_verify(house: SearchHouse, gallery: Gallery, redis_server: RunningRedis) -> None:
    ids = [gallery.show(jpeg(seed)) for seed in range(6)]
    gallery.show(b"no picture")
    server = house.open_server(redis_url=redis_server.url)
    wait_until(lambda: house.last_seq() == 7, timeout_s=60, what="what is missing")
    server.wait_until_followed()
    status = json.loads(index(server, "status", "--json").stdout)
    [model] = status["models"]
    assert (model["model_id"], model["state"]) == (MODEL, "serving")
    assert (model["vectors"], model["failures"], model["missing"]) == (6, 1, 0)
    [one] = wait_until(
        lambda: json.loads(index(server, "status", "--json").stdout)["servers"], timeout_s=10, what="presence"
    )
    assert one["indexes"][0]["model"] == MODEL
    lines = index(server, "status").stdout
    assert MODEL in lines
    assert "(leads)" in lines
    assert findings(server) == set()
    answer = index(server, "rebuild")
    assert answer.stdout == f"{MODEL}: 6 images can be found\n", answer.stderr
    _break(house, "DELETE FROM index_log WHERE seq = 5")
    _break(house, f"UPDATE processed_images SET current_job_id = NULL WHERE id IN ('{ids[1]}', '{ids[2]}')")  # noqa: S608
    _break(house, f"DELETE FROM embeddings WHERE image_id = '{ids[2]}'")  # noqa: S608
    # The ghost is among the likest of others.
    assert findings(server) == {"not_logged", "not_shown", "ghosts", "wrong_answers"}


def test_what_cannot_be_done_is_said(file_house: SearchHouse) -> None:
    server = file_house.open_server()
    server.wait_until_followed(0)
    assert server.terminate() == 0
    for words in (("rebuild",), ("verify",)):
        answer = index(server, *words)
        assert answer.returncode == 1
        assert answer.stderr == "veilgate: DATA_DIR: The search server is not reachable.\n"
    answer = index(server, "status")
    assert answer.returncode == 0
    assert "REDIS_URL" in answer.stderr
    answer = index(server, "reembed", EMBEDDING_MODEL_PATH="no-such-model")
    assert answer.returncode == 78
    assert "EMBEDDING_MODEL_PATH" in answer.stderr


def test_reembedding_without_and_beside_a_server(
    house: SearchHouse, gallery: Gallery, tmp_path: Path
) -> None:
    for seed in range(12):
        gallery.show(jpeg(seed))
    server = house.open_server()
    server.kill()
    house.take_lease_away()
    alone = index(server, "reembed")
    assert alone.stdout == f"{MODEL} answers: 12 embedded, 0 it cannot embed\n", alone.stderr
    path = tmp_path / "mine.onnx"
    path.write_bytes(picture_tower())
    server.start(EMBEDDING_MODEL_PATH=str(path))
    server.wait_until_followed(0)
    beside = index(server, "reembed", EMBEDDING_MODEL_PATH=str(path))
    assert beside.returncode == 0, beside.stderr
    assert beside.stdout.startswith("mine@")
    assert "answers: 12 embedded" in beside.stdout


def _break(house: SearchHouse, statement: str) -> None:
    with house.shelf.engine.begin() as connection:
        connection.execute(text(statement))
