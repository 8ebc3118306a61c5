"""How much each caller may ask for: exactly so much, over the real door, and an honest time to wait."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway
from tests.integration.api.keys import Headers, LockedGateway, make_key
from tests.integration.api.samples import fresh, picture
from veilgate.domain.access import Scope

REQUESTS, BYTES, STREAMS = 30, 200_000, 2
MISSING = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, _redis_of_gateways: RunningRedis) -> Iterator[Gateway]:
    gateway = LockedGateway(
        tmp_path_factory.mktemp("limits"),
        f"{_redis_of_gateways.url}?db=10",
        LIMIT_REQUESTS_PER_MINUTE=str(REQUESTS),
        LIMIT_BYTES_PER_HOUR=str(BYTES),
        LIMIT_STREAMS=str(STREAMS),
    )
    yield gateway
    gateway.close()


@pytest.fixture
def key(limited: Gateway) -> Headers:
    """A key that has used nothing yet."""
    return make_key(limited, "alice", Scope.UPLOAD, Scope.READ)


def assert_limited(answer: httpx.Response, *, at_most_s: int) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited"), answer.text
    assert 1 <= int(answer.headers["retry-after"]) == answer.json()["retry_after"] <= at_most_s


def test_exactly_so_many_requests_in_a_minute(limited: Gateway, key: Headers) -> None:
    """However they come, and whoever they claim to come from."""

    def ask(number: int) -> httpx.Response:
        headers = {**key, "X-Forwarded-For": f"203.0.113.{number}"}
        return limited.http.get(f"/status/{MISSING}", headers=headers)

    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(ask, range(REQUESTS + 20)))
    assert Counter(answer.status_code for answer in answers) == {404: REQUESTS, 429: 20}
    assert_limited(next(answer for answer in answers if answer.status_code == 429), at_most_s=60)


def test_one_key_does_not_use_up_what_another_has(limited: Gateway, key: Headers) -> None:
    for _ in range(REQUESTS + 1):
        last = limited.http.get(f"/status/{MISSING}", headers=key)
    assert last.status_code == 429
    other = make_key(limited, "alice")
    assert limited.http.get(f"/status/{MISSING}", headers=other).status_code == 404


def test_a_session_counts_as_its_key(limited: Gateway) -> None:
    key = make_key(limited, "browser")
    with httpx.Client(base_url=limited.http.base_url, trust_env=False) as browser:
        assert browser.post("/session", headers=key).status_code == 201
        statuses = Counter(browser.get("/session").status_code for _ in range(REQUESTS - 1))
        statuses[limited.http.get("/session", headers=key).status_code] += 1
    assert statuses == {200: REQUESTS - 1, 429: 1}


def test_bytes_of_what_is_refused_are_not_stored(limited: Gateway, key: Headers) -> None:
    def send(photo: bytes, **more: Any) -> httpx.Response:
        return limited.http.post("/upload", headers=key, files={"file": ("a.jpg", photo)}, **more)

    large = picture(size_wh=(600, 400), seed=5)
    assert BYTES / 2 < len(large) < BYTES
    assert send(fresh(large)).status_code == 202
    before = limited.stored()
    assert_limited(send(fresh(large)), at_most_s=3600)
    assert limited.stored() == before
    assert send(fresh()).status_code == 202, "what is left may be used"


def test_bytes_that_nobody_announced_count_as_they_come(limited: Gateway, key: Headers) -> None:
    def body(size: int) -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        yield fresh() + bytes(size)
        yield b"\r\n--b--\r\n"

    def send(size: int) -> httpx.Response:
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        return limited.http.post("/upload", headers={**key, **kind}, content=body(size))

    assert send(BYTES - 20_000).status_code == 202
    before = limited.stored()
    assert_limited(send(30_000), at_most_s=3600)
    assert limited.stored() == before


def test_so_many_streams_at_a_time(limited: Gateway, key: Headers) -> None:
    job_id = limited.http.post("/upload", headers=key, files={"file": ("a.jpg", fresh())}).json()["job_id"]
    events = f"/jobs/{job_id}/events"
    opened, done = threading.Semaphore(0), threading.Event()

    def watch() -> None:
        with limited.http.stream("GET", events, headers=key) as stream:
            assert stream.status_code == 200
            opened.release()
            done.wait(20)

    with ThreadPoolExecutor(STREAMS) as watchers:
        watching = [watchers.submit(watch) for _ in range(STREAMS)]
        for _ in watching:
            assert opened.acquire(timeout=10)
        assert_limited(limited.http.get(events, headers=key), at_most_s=30)
        before, picture = limited.stored(), {"file": ("a.jpg", fresh())}
        assert_limited(limited.http.post("/classify", headers=key, files=picture), at_most_s=30)
        assert limited.stored() == before
        done.set()
        for each in watching:
            each.result(timeout=10)


def test_who_guesses_keys_is_shut_out_and_who_has_one_is_not(limited: Gateway, key: Headers) -> None:
    assert limited.http.get("/session", headers=key).status_code == 200
    wrong = {"Authorization": "Bearer vg_aaaaaaaaaaaa_" + "b" * 43}
    statuses = Counter(limited.http.get("/session", headers=wrong).status_code for _ in range(25))
    assert statuses == {401: 20, 429: 5}
    assert limited.http.get("/session", headers=key).status_code == 200
    # At the same address, and never seen before.
    assert limited.http.get("/session", headers=make_key(limited, "newcomer")).status_code == 200


def test_a_session_that_has_ended_is_no_guess(limited: Gateway) -> None:
    """A page with thirty pictures asks thirty times with its old cookie."""
    cookie = {"Cookie": "veilgate_session=vgs_aaaaaaaaaaaa_" + "b" * 43}
    assert {limited.http.get("/session", headers=cookie).status_code for _ in range(30)} == {401}


def test_opening_sessions_counts(limited: Gateway, key: Headers) -> None:
    statuses = Counter(limited.http.post("/session", headers=key).status_code for _ in range(REQUESTS + 5))
    limited.http.cookies.clear()
    assert statuses == {201: REQUESTS, 429: 5}


def test_what_a_key_is_not_good_for_counts(limited: Gateway, key: Headers) -> None:
    statuses = Counter(limited.http.get("/stats", headers=key).status_code for _ in range(REQUESTS + 5))
    assert statuses == {403: REQUESTS, 429: 5}


def test_a_probe_is_never_told_to_come_later(limited: Gateway, key: Headers) -> None:
    assert {limited.http.get("/health", headers=key).status_code for _ in range(REQUESTS + 5)} == {200}


def test_bytes_that_were_announced_and_never_sent_cost_nothing(limited: Gateway, key: Headers) -> None:
    with socket.create_connection(("127.0.0.1", limited.port), timeout=10) as connection:
        head = f"POST /jobs/{MISSING}/cancel HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {BYTES}\r\n"
        shown = f"Authorization: {key['Authorization']}\r\n\r\n"
        connection.sendall((head + shown).encode())
        assert b" 404 " in connection.recv(4096)
    large = fresh(picture(size_wh=(600, 400), seed=6))
    answer = limited.http.post("/upload", headers=key, files={"file": ("a.jpg", large)})
    assert answer.status_code == 202


def test_more_than_may_ever_be_sent_is_refused_at_once(limited: Gateway, key: Headers) -> None:
    files = {"file": ("a.jpg", fresh() + bytes(BYTES))}
    answer = limited.http.post("/upload", headers=key, files=files)
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
