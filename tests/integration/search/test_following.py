"""What is committed is found, soon, once, and by its owner."""

import threading
import time

import numpy as np
import pytest

from tests.integration.search.search_house import (
    MODEL,
    SearchHouse,
    Server,
    insert_image,
    new_embedding,
    random_vectors,
    same_hits,
)
from tests.waiting import wait_until
from veilgate.domain.errors import IndexNotReady
from veilgate.domain.ids import new_id
from veilgate.domain.rejections import InvalidOption
from veilgate.domain.search import Exactness
from veilgate.search.client import SearchClient


def test_what_is_committed_is_found_within_a_second(shared_house: SearchHouse, server: Server) -> None:
    vector = random_vectors(1, seed=1)[0]
    [image_id] = shared_house.add([vector], owner="quick")
    committed_s = time.monotonic()
    wait_until(lambda: server.search(vector, owner="quick").hits, timeout_s=5, what="the picture")
    took_s = time.monotonic() - committed_s
    [hit] = server.search(vector, owner="quick").hits
    assert hit.image_id == image_id
    assert hit.score == pytest.approx(1, abs=1e-5)
    assert took_s < 1


def test_answers_are_those_of_comparing_everything(shared_house: SearchHouse, server: Server) -> None:
    vectors = random_vectors(300, seed=2)
    ids = shared_house.add(vectors, owner="many")
    shared_house.add(vectors[:50], owner="others")
    for image_id in ids[:40]:
        shared_house.remove(image_id)
    shared_house.put_again(ids[60], vectors[7], owner="many")
    server.wait_until_followed()
    for query in (*vectors[:10], *random_vectors(5, seed=3)):
        answer = server.search(query, owner="many", k=7)
        assert same_hits(answer.hits, shared_house.likest(query, owner="many", k=7))
        assert (answer.candidates, answer.exactness) == (260, Exactness.EXACT)
    few = [ids[50], ids[51], ids[0], "0199aaaa-0000-7000-8000-000000000000"]
    named = server.search(vectors[51], owner="many", among=few).hits
    assert [hit.image_id for hit in named] == [ids[51], ids[50]], "neither removed nor unknown ones"
    assert server.search(vectors[51], owner="many", among=[]).hits == ()


def test_transactions_that_overlap_leave_no_gap(shared_house: SearchHouse, server: Server) -> None:
    """Who draws a number first and commits last holds everybody who draws after it."""
    vectors = random_vectors(3, seed=4)
    ids = [new_id() for _ in vectors]
    drawn, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        with shared_house.shelf.database.write() as transaction:
            insert_image(transaction, ids[0], "slow")
            transaction.embeddings.put([new_embedding(ids[0], vectors[0], owner="slow")])
            drawn.set()
            may_commit.wait(10)

    def quick() -> None:
        drawn.wait(10)
        for image_id, vector in zip(ids[1:], vectors[1:], strict=True):
            with shared_house.shelf.database.write() as transaction:
                insert_image(transaction, image_id, "slow")
                transaction.embeddings.put([new_embedding(image_id, vector, owner="slow")])

    threads = [threading.Thread(target=slow), threading.Thread(target=quick)]
    for thread in threads:
        thread.start()
    drawn.wait(10)
    # The follower polls meanwhile, and must not step over the number that is not committed.
    time.sleep(0.6)
    assert server.search(vectors[1], owner="slow").hits == ()
    may_commit.set()
    for thread in threads:
        thread.join()
    server.wait_until_followed()
    found = {hit.image_id for hit in server.search(vectors[0], owner="slow").hits}
    assert found == set(ids)


def test_vectors_of_other_models_never_reach_an_index(server: Server) -> None:
    vector = random_vectors(1, seed=5)[0]
    for model_id, bytes_of_vector in (("another", vector.tobytes()), (MODEL, vector[:-1].tobytes())):
        with pytest.raises(IndexNotReady):
            server.client.search(model_id, "o", vector=bytes_of_vector, k=1)
    for odd in (np.full_like(vector, np.nan), vector * 0, vector * 2):
        with pytest.raises(InvalidOption):
            server.client.search(MODEL, "o", vector=odd.tobytes(), k=1)
    for k in (0, -1, 10**9):
        with pytest.raises(InvalidOption):
            server.client.search(MODEL, "o", vector=vector.tobytes(), k=k)


def test_an_index_that_is_not_ready_says_so(house: SearchHouse) -> None:
    house.add(random_vectors(3, seed=6))
    server = house.open_server(FAILPOINTS="before_index_build:sleep=2")
    wait_until(lambda: server.index() is not None, timeout_s=20, what="the server to answer")
    with pytest.raises(IndexNotReady):
        server.search(random_vectors(1, seed=6)[0])
    assert server.health()["status"] == "building"
    server.wait_until_followed()
    assert server.search(random_vectors(1, seed=6)[0]).hits
    assert server.health()["status"] == "ok"


def test_it_listens_where_search_url_wants_it(house: SearchHouse) -> None:
    from tests.fixtures.paths import find_free_port

    port = find_free_port()
    server = house.open_server(SEARCH_URL=f"http://127.0.0.1:{port}", SEARCH_PORT=str(port))
    server.client = SearchClient(f"http://127.0.0.1:{port}", timeout_s=5)
    server.wait_until_followed(0)
