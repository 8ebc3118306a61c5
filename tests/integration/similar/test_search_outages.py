"""A search server that is away, busy or silent: said in time, and nobody else is held up by it."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.integration.api.samples import GOOD
from tests.integration.similar.lab import Lab, ids_in
from tests.waiting import wait_until

LARGE = GOOD + bytes(2_000_000)
# Twice the time that a search server is given, and what a loaded machine adds.
TOLD_WITHIN_S = 8.0


def assert_later(answer: httpx.Response, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, code), answer.text
    assert int(answer.headers["retry-after"]) == answer.json()["retry_after"] >= 1


def test_an_index_that_is_being_built(lab: Lab) -> None:
    sought = lab.add(0.5, lab.alice)
    lab.index.refuses = (503, "index_not_ready")
    assert_later(lab.get(f"/images/{sought}/similar", lab.alice), "index_not_ready")
    assert_later(lab.search(GOOD, lab.alice), "index_not_ready")


def test_a_silent_search_server_holds_up_nobody_else(lab: Lab) -> None:
    """More callers than a gateway has threads."""
    sought = lab.add(0.5, lab.alice)
    lab.index.hangs = True
    with ThreadPoolExecutor(60) as callers, _client(lab) as http:
        path = f"/images/{sought}/similar"
        began_s = time.monotonic()
        searches = [callers.submit(http.get, path, headers=lab.alice) for _ in range(60)]
        others = []
        while not all(search.done() for search in searches):
            asked_s = time.monotonic()
            assert http.get(f"/images/{sought}/original", headers=lab.alice).content
            others.append(time.monotonic() - asked_s)
        assert time.monotonic() - began_s < TOLD_WITHIN_S
        for search in searches:
            assert_later(search.result(), "search_unavailable")
    assert sorted(others)[len(others) // 2] < 0.5
    assert max(others) < 1.5
    lab.index.hangs = False
    assert lab.get(path, lab.alice).status_code == 200


def test_what_a_killed_gateway_had_received_is_gone_when_it_is_back(lab: Lab) -> None:
    spool = lab.gateway.data_dir / "incoming"
    before = lab.gateway.stored()
    lab.index.hangs = True
    with ThreadPoolExecutor(1) as caller:
        asked = caller.submit(lab.search, LARGE, lab.alice)
        wait_until(lambda: any(spool.iterdir()), timeout_s=10, what="the picture in the spool")
        lab.gateway.kill()
        assert isinstance(asked.exception(), httpx.TransportError)
    assert any(spool.iterdir())
    lab.index.hangs = False
    lab.gateway.start()
    assert list(spool.iterdir()) == []
    assert lab.gateway.stored() == before


def test_query_pictures_count_as_what_is_sent(lab: Lab) -> None:
    """Also those that are fetched; each key may send so many bytes an hour."""
    image_url = lab.web.say("/large.jpg", b"HTTP/1.1 200 OK\r\n\r\n" + GOOD + bytes(3_900_000))

    def sent() -> httpx.Response:
        return lab.search(GOOD + bytes(3_900_000), lab.alice)

    def fetched() -> httpx.Response:
        return lab.gateway.http.post("/search", headers=lab.alice, json={"image_url": image_url})

    for _ in range(5):
        assert ids_in(sent()) == ids_in(fetched()) == []
    for refused in (sent(), fetched()):
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")


def _client(lab: Lab) -> httpx.Client:
    limits = httpx.Limits(max_connections=80)
    return httpx.Client(base_url=lab.gateway.http.base_url, timeout=30, trust_env=False, limits=limits)
