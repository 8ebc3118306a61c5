"""Clients that drip: others are served meanwhile, and in time they are told to go."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway
from tests.integration.api.hasty_server import HEAD_S, SILENCE_S, UNREAD_ANSWER_S
from tests.integration.api.raw_http import RawAnswer, chunked, connect, file_part, post_head, read_answer
from tests.integration.api.refusals import assert_problem, at_once, unharmed_by
from tests.integration.api.samples import GOOD, fresh
from tests.waiting import wait_until
from veilgate.api import request_body
from veilgate.persistence.records import NewEvent
from veilgate.wiring.http_protocol import GatewayProtocol

HALF_A_PART = file_part(GOOD[:20], name="files")[:-2]
JSON_HEAD = b"POST /uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n"
BEGUN: dict[str, bytes] = {
    "head": b"GET /ready HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "blank lines": b"\r\n",
    "form": post_head("/upload", "Content-Length: 900000") + file_part(GOOD[:20])[:-2],
    "batch": post_head("/batch-upload", "Transfer-Encoding: chunked") + b"".join(chunked([HALF_A_PART])),
    "json": JSON_HEAD + b'{"filename": "',
}
EACH = 40
SLACK_S = 2.0


class HastyGateway(Gateway):
    entry = ("-m", "tests.integration.api.hasty_server")


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory, _redis_of_session: RunningRedis) -> Iterator[Gateway]:
    gateway = HastyGateway(tmp_path_factory.mktemp("hasty"), f"{_redis_of_session.url}?db=7")
    yield gateway
    gateway.close()


@contextmanager
def dripping(connections: dict[str, list[socket.socket]]) -> Iterator[None]:
    """A byte each now and then: the sixth of what one second may bring, often enough that silence is not
    what ends them."""
    ended = threading.Event()

    def drip() -> None:
        while not ended.wait(0.5):
            for kind, group in connections.items():
                drop = {"batch": b"1\r\nx\r\n", "blank lines": b"\r\n"}.get(kind, b"x")
                for connection in group:
                    try:
                        connection.send(drop)
                    except OSError:
                        continue

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_200_slow_clients_stop_nobody_and_are_told_to_go(hasty: Gateway) -> None:
    with unharmed_by("200 slow clients", hasty), ExitStack() as stack:
        slow = {kind: [stack.enter_context(connect(hasty)) for _ in range(EACH)] for kind in BEGUN}
        for kind, group in slow.items():
            for connection in group:
                connection.sendall(BEGUN[kind])
        began_s = time.monotonic()
        with dripping(slow):
            while time.monotonic() - began_s < HEAD_S - 0.5:
                with at_once():
                    assert hasty.upload(fresh()).status_code == 202
            for kind, group in slow.items():
                deadline_s = HEAD_S if kind in {"head", "blank lines"} else SILENCE_S
                for answer in answers_of(group, until_s=began_s + deadline_s + SLACK_S):
                    assert_problem(answer, 408, "request_timeout")
    assert hasty.held_files() == {path for path in hasty.held_files() if "original" in path}


def answers_of(connections: list[socket.socket], *, until_s: float) -> list[RawAnswer]:
    answers = []
    for connection in connections:
        connection.settimeout(max(0.01, until_s - time.monotonic()))
        answers.append(read_answer(connection))
    return answers


def test_who_says_nothing_is_let_go_without_a_word(hasty: Gateway) -> None:
    began_s = time.monotonic()
    with connect(hasty) as connection:
        assert connection.recv(1) == b""
    assert HEAD_S - 0.5 < time.monotonic() - began_s < HEAD_S + SLACK_S


def test_the_clock_runs_anew_for_each_request(hasty: Gateway) -> None:
    with connect(hasty) as connection:
        connection.sendall(BEGUN["head"] + b"\r\n\r\n")
        assert read_answer(connection).status == 200
        began_s = time.monotonic()
        connection.sendall(BEGUN["head"])
        assert_problem(read_answer(connection), 408, "request_timeout")
        assert time.monotonic() - began_s > HEAD_S - 0.5


def test_who_waits_for_a_job_is_not_slow(hasty: Gateway) -> None:
    """A head that begins before the answer to the one before it has come."""
    job_id = hasty.accepted_job(fresh())
    with connect(hasty) as connection:
        wait_s = HEAD_S + 0.5
        connection.sendall(f"GET /status/{job_id}?wait={wait_s} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        connection.sendall(BEGUN["head"])
        assert read_answer(connection).json()["status"] == "submitted"
        connection.sendall(b"\r\n\r\n")
        assert read_answer(connection).status == 200


def test_who_does_not_read_is_cut_off(hasty: Gateway) -> None:
    large = GOOD + bytes(20_000_000)
    job_id = hasty.accepted_job(fresh(large))
    with ExitStack() as stack:
        readers = []
        for _ in range(60):  # more than there are threads to serve requests
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", hasty.port))
            connection.sendall(f"GET /images/{job_id}/original HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            readers.append(connection)
        assert {connection.recv(12) for connection in readers} == {b"HTTP/1.1 200"}
        assert open_originals(hasty)
        with at_once():
            assert hasty.upload(fresh()).status_code == 202
        wait_until(
            lambda: not open_originals(hasty), timeout_s=UNREAD_ANSWER_S + 10, what="their files are closed"
        )


def test_who_does_not_read_events_is_cut_off(hasty: Gateway) -> None:
    """The kernel alone would wait longer, and for ever for one who takes a byte now and then."""
    job_id, event = hasty.accepted_job(fresh()), NewEvent("x", "produced", json.dumps("x" * 16_000))
    with hasty.database.write() as transaction:
        for _ in range(60):  # 1 MB, of which 200 kB are held for a reader
            transaction.events.append(job_id, event)
    with ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", hasty.port))
            connection.sendall(f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with hasty.http.stream("GET", f"/jobs/{job_id}/events") as answer:
            numbers = (line for line in answer.iter_lines() if line.startswith("id: "))
            assert [next(numbers) for _ in range(61)][-1] == "id: 61"
            wait_until(lambda: hasty.log.count('"event": "stream.cut"') == 20, timeout_s=10, what="the cut")
            assert hasty.http.post(f"/jobs/{job_id}/cancel").status_code == 200
            assert next(numbers) == "id: 62", "who reads stays"


def open_originals(gateway: Gateway) -> int:
    """How many originals the gateway holds open."""
    found = 0
    for link in Path(f"/proc/{gateway.process.pid}/fd").iterdir():
        try:
            found += "/objects/original/" in str(link.readlink())
        except FileNotFoundError:
            continue
    return found


def test_the_true_deadlines() -> None:
    """What the tests above shorten."""
    assert (GatewayProtocol.head_s, request_body._SILENCE_S, GatewayProtocol.unread_answer_s) == (10, 30, 60)
