"""What is left of an index after kills, damage and restored databases: the same answers."""

import random
import shutil
from pathlib import Path

import pytest

from tests.integration.search.search_house import (
    MODEL,
    SearchHouse,
    Server,
    Vectors,
    random_vectors,
    same_hits,
)
from tests.waiting import wait_until


def answers_are_right(house: SearchHouse, server: Server, queries: Vectors) -> bool:
    return all(same_hits(server.search(query).hits, house.likest(query)) for query in queries)


def has_snapshot(server: Server) -> bool:
    return any(path.is_file() for path in snapshot_files(server))


def snapshot_files(server: Server) -> list[Path]:
    return sorted(path for path in (server.folder / "search").glob(f"{MODEL}@*/**/*") if path.is_file())


def test_killed_between_adding_and_saving(house: SearchHouse) -> None:
    """A snapshot is there, more is added, the kill comes before the next one."""
    vectors = random_vectors(60, seed=10)
    house.add(vectors[:30])
    server = house.open_server()
    server.wait_until_followed()
    assert server.terminate() == 0
    assert has_snapshot(server)
    server.start(FAILPOINTS="index_applied:kill9@2")
    house.add(vectors[30:40])
    server.wait_until_followed()
    house.add(vectors[40:])
    assert server.process.wait(30) == -9
    server.start()
    server.wait_until_followed()
    assert answers_are_right(house, server, vectors[::7])
    assert server.index()["size"] == 60  # type: ignore[index]
    assert server.log.count("index.built") == 1, "the snapshot and the log were enough the second time"


def test_flipped_bytes_in_a_snapshot(file_house: SearchHouse) -> None:
    """Every file of it in turn; the files of the index itself are flipped all over in its own tests."""
    vectors = random_vectors(40, seed=11)
    file_house.add(vectors)
    server = file_house.open_server()
    server.wait_until_followed()
    assert server.terminate() == 0
    chance = random.Random(11)
    count = len(snapshot_files(server))
    assert count >= 2
    for number in range(count):
        # They have other names each time, and the same order.
        path = snapshot_files(server)[number]
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        server.start()
        server.wait_until_followed()
        assert server.log.count("index.built") == number + 2, f"{path.name} was taken as it was"
        assert answers_are_right(file_house, server, vectors[::9])
        assert server.terminate() == 0


def test_a_database_that_was_put_back(file_house: SearchHouse) -> None:
    """An index that knows more than the database begins anew."""
    vectors = random_vectors(20, seed=12)
    ids = file_house.add(vectors)
    server = file_house.open_server()
    server.wait_until_followed()
    assert server.terminate() == 0
    with file_house.shelf.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM embeddings WHERE seq > 10")
        connection.exec_driver_sql("DELETE FROM index_log WHERE seq > 10")
        connection.exec_driver_sql("UPDATE counters SET value = 10 WHERE name = 'index_seq'")
    server.start()
    server.wait_until_followed()
    wait_until(lambda: (server.index() or {}).get("size") == 10, timeout_s=10, what="a new index")
    assert {hit.image_id for hit in server.search(vectors[0], k=20).hits} == set(ids[:10])


def test_a_log_that_begins_later_than_the_snapshot_ends(file_house: SearchHouse) -> None:
    vectors = random_vectors(20, seed=13)
    file_house.add(vectors[:10])
    server = file_house.open_server()
    server.wait_until_followed()
    assert server.terminate() == 0
    file_house.add(vectors[10:])
    with file_house.shelf.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM index_log WHERE seq < 15")
    server.start()
    server.wait_until_followed()
    assert answers_are_right(file_house, server, vectors[::5])


def test_two_replicas_agree(house: SearchHouse) -> None:
    vectors = random_vectors(50, seed=14)
    ids = house.add(vectors[:25])
    first, second = house.open_server("one"), house.open_server("two")
    for server in (first, second):
        server.wait_until_followed()
    house.add(vectors[25:])
    house.remove(ids[3])
    house.put_again(ids[4], vectors[40])
    for server in (first, second):
        server.wait_until_followed()
    for query in vectors[::6]:
        assert first.search(query) == second.search(query)
    second.kill()
    house.add(random_vectors(3, seed=15))
    shutil.rmtree(second.folder / "search")
    second.start()
    for server in (first, second):
        server.wait_until_followed()
    assert first.search(vectors[0]) == second.search(vectors[0])


def test_a_second_server_in_the_same_folder_is_refused(file_house: SearchHouse) -> None:
    server = file_house.open_server()
    server.wait_until_followed(0)
    answer = server.processes.ask("search_server.py")
    assert answer.returncode == 78
    assert "another search server works in" in answer.stderr
    assert server.health()["status"] == "ok"


def test_rebuilt_on_request(file_house: SearchHouse) -> None:
    vectors = random_vectors(10, seed=16)
    file_house.add(vectors)
    server = file_house.open_server()
    server.wait_until_followed()
    built = server.log.count("index.built")
    server.client.rebuild()
    wait_until(lambda: server.log.count("index.built") > built, timeout_s=10, what="the rebuild")
    server.wait_until_followed()
    assert answers_are_right(file_house, server, vectors)


@pytest.mark.parametrize("setting", ["no-such-model", "centerface"])
def test_without_its_model_it_still_runs(file_house: SearchHouse, setting: str) -> None:
    """Pictures cannot be embedded then; whatever was embedded before is found."""
    vectors = random_vectors(3, seed=17)
    file_house.add(vectors)
    with file_house.shelf.database.write() as transaction:
        transaction.index_models.add(MODEL, dimensions=vectors.shape[1])
    server = file_house.open_server(EMBEDDING_MODEL_PATH=setting)
    server.wait_until_followed()
    assert server.search(vectors[0]).hits
