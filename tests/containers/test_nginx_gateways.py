"""nginx as docker-compose.yml has it: several gateways that come and go, streams, TLS, and slow clients."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.containers.gateways_behind_nginx import WayIn
from tests.integration.api.raw_http import file_part, post_head, read_answer
from tests.integration.api.refusals import assert_problem, at_once
from tests.integration.api.samples import GOOD, fresh
from tests.waiting import wait_until
from veilgate.settings.groups import ServerSettings

MAX_BATCH_BYTES = ServerSettings.model_fields["max_batch_bytes"].default
HEAD_S = 10
# A gateway looks again every 1.5 s for what was changed by way of another.
NEWS_S = 3.0


@pytest.fixture(scope="module")
def dripping(way_in: WayIn) -> Iterator[tuple[socket.socket, float]]:
    """A client that has begun a request before all other tests, and when."""
    with socket.create_connection(("127.0.0.1", way_in.port), timeout=20) as connection:
        connection.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        yield connection, time.monotonic()


@pytest.fixture(scope="module")
def http(way_in: WayIn, dripping: object) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{way_in.port}", timeout=30, trust_env=False) as client:
        wait_until(lambda: client.get("/ready").is_success, timeout_s=10, what="the way in")
        yield client


@contextmanager
def soon() -> Iterator[None]:
    began_s = time.monotonic()
    yield
    assert time.monotonic() - began_s < NEWS_S


def upload(http: httpx.Client) -> httpx.Response:
    return http.post("/upload", files={"file": ("a.jpg", fresh())})


def test_every_gateway_gets_its_share(way_in: WayIn, http: httpx.Client) -> None:
    before = [way_in.requests_at(address) for address in way_in.names.addresses]
    answers = [upload(http) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {202}

    def shares() -> list[int]:
        now = [way_in.requests_at(address) for address in way_in.names.addresses]
        return [after - earlier for earlier, after in zip(before, now, strict=True)]

    # A gateway writes its line once the answer has gone.
    wait_until(lambda: sum(shares()) >= 20, timeout_s=5, what="20 lines in logs")
    assert min(shares()) >= 5


def test_lines_of_a_classification_come_when_they_are_known(http: httpx.Client) -> None:
    with http.stream("POST", "/classify", files={"file": ("a.jpg", fresh())}) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = answer.iter_lines()
        with at_once():
            accepted = json.loads(next(lines))
        assert accepted["data_type"] == "accepted"
        # Nobody works here: without this call the stream would stay open.
        with soon():
            assert http.post(f"/jobs/{accepted['data']['job_id']}/cancel").status_code == 200
            kinds = [json.loads(line)["data_type"] for line in lines]
    assert kinds[-1] == "done"


def test_events_come_when_they_happen_by_tls_too(way_in: WayIn, http: httpx.Client) -> None:
    job_id = upload(http).json()["job_id"]
    with (
        httpx.Client(
            base_url=f"https://localhost:{way_in.tls_port}", verify=way_in.trust(), trust_env=False
        ) as tls,
        tls.stream("GET", f"/jobs/{job_id}/events") as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == "id: 1"
        with soon():
            assert http.post(f"/jobs/{job_id}/cancel").status_code == 200
            assert "id: 2" in lines


def test_a_body_over_the_limit_is_refused_before_it_is_sent(way_in: WayIn) -> None:
    with socket.create_connection(("127.0.0.1", way_in.port), timeout=20) as connection, at_once():
        connection.sendall(post_head("/batch-upload", f"Content-Length: {MAX_BATCH_BYTES + 1}"))
        assert_problem(read_answer(connection), 413, "request_too_large")


def test_a_batch_is_taken_while_it_is_sent(way_in: WayIn, http: httpx.Client) -> None:
    """What nginx holds back until it is complete, a gateway could not answer for in the middle."""
    with socket.create_connection(("127.0.0.1", way_in.port), timeout=20) as connection:
        connection.sendall(post_head("/batch-upload", "Content-Length: 1000000"))
        begun = http.get("/stats").json()
        connection.sendall(file_part(fresh(), name="files") + file_part(GOOD[:20], name="files"))
        wait_until(lambda: http.get("/stats").json() != begun, timeout_s=5, what="the first picture")


def test_a_gateway_that_dies_is_not_missed(way_in: WayIn, http: httpx.Client) -> None:
    """Docker may still name it for a while; who is refused a connection there is passed on to another."""
    third = way_in.add_gateway("127.0.0.4")
    wait_until(
        lambda: upload(http).is_success and way_in.requests_at("127.0.0.4"), timeout_s=10, what="the new one"
    )
    third.kill()
    third.wait(10)
    try:
        assert {upload(http).status_code for _ in range(30)} == {202}
    finally:
        way_in.names.addresses.remove("127.0.0.4")


def test_without_a_gateway_the_answer_says_when_to_come_again(way_in: WayIn, http: httpx.Client) -> None:
    known, way_in.names.addresses = way_in.names.addresses, ["127.0.0.9"]
    try:
        answer = wait_until(lambda: _unless_good(http), timeout_s=10, what="nobody there")
    finally:
        way_in.names.addresses = known
    assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unavailable")
    assert answer.headers["retry-after"] == "5"
    wait_until(lambda: http.get("/ready").is_success, timeout_s=10, what="the gateways again")


def test_a_head_that_drips_in_is_cut_off(dripping: tuple[socket.socket, float]) -> None:
    connection, began_s = dripping
    connection.settimeout(max(0.1, began_s + HEAD_S + 3 - time.monotonic()))
    assert connection.recv(1000) == b""


def _unless_good(http: httpx.Client) -> httpx.Response | None:
    answer = http.get("/ready")
    return None if answer.is_success else answer
