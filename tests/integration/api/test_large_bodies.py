"""Bodies beyond the limits: refused while they stream, and never read to their end."""

import itertools
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.api.conftest import StartGateway
from tests.integration.api.gateway import Gateway
from tests.integration.api.raw_http import chunked, connect, file_part, post_head, read_answer
from tests.integration.api.samples import GOOD, fresh
from tests.waiting import wait_until

LIMIT_BYTES = 1_000_000
# The gateway reads on for a moment after its answer, so that callers see it; sockets hold some more.
MOST_READ_BYTES = 30_000_000
TEN_GIGABYTES = 10_000_000_000
PIECE = bytes(65_536)


@pytest.mark.parametrize("path", ["/upload", "/batch-upload", "/nowhere"])
def test_a_declared_length_beyond_the_limit_is_refused_at_once(gateway: Gateway, path: str) -> None:
    began_s = time.monotonic()
    with connect(gateway) as connection:
        connection.sendall(post_head(path, f"Content-Length: {TEN_GIGABYTES}") + b"--frontier")
        answer = read_answer(connection)
        assert time.monotonic() - began_s < 1
        assert answer.status == (404 if path == "/nowhere" else 413)
        assert answer.headers["connection"] == "close"
        assert sent_until_closed(connection) < MOST_READ_BYTES


def test_an_endless_file_without_a_length_is_refused_while_it_streams(gateway: Gateway) -> None:
    before = gateway.stored()
    with connect(gateway) as connection:
        head = post_head("/upload", "Transfer-Encoding: chunked")
        begin = file_part(GOOD)[:-2]
        connection.sendall(head + b"".join(chunked([begin, *[PIECE] * (LIMIT_BYTES // len(PIECE) + 3)])))
        answer = read_answer(connection)
        assert (answer.status, answer.json()["code"]) == (413, "file_too_large")
        assert answer.headers["connection"] == "close"
        assert sent_until_closed(connection, b"".join(chunked([PIECE]))) < MOST_READ_BYTES
    assert gateway.stored() == before


def test_a_caller_who_reads_only_after_sending_all_hears_why(gateway: Gateway) -> None:
    answer = gateway.upload(GOOD + bytes(5 * LIMIT_BYTES))
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")


def test_in_a_batch_only_the_large_file_is_refused(gateway: Gateway) -> None:
    large = GOOD + bytes(LIMIT_BYTES)
    files = [("files", (name, content)) for name, content in (("a", GOOD), ("b", large), ("c", GOOD))]
    document = gateway.http.post("/batch-upload", files=files).json()
    assert [item["filename"] for item in document["accepted"]] == ["a", "c"]
    assert [(item["filename"], item["error"]["code"]) for item in document["rejected"]] == [
        ("b", "file_too_large")
    ]
    items = gateway.http.get(f"/batches/{document['batch_id']}").json()["items"]
    assert [(item["position"], item["status"]) for item in items] == [
        (0, "submitted"),
        (1, "rejected"),
        (2, "submitted"),
    ]


def test_an_endless_batch_keeps_what_was_complete(gateway: Gateway) -> None:
    with connect(gateway) as connection:
        first = file_part(GOOD, name="files") + file_part(GOOD, name="files")[:-2]
        connection.sendall(post_head("/batch-upload", "Transfer-Encoding: chunked"))
        pieces = chunked(itertools.chain([first], itertools.repeat(PIECE, 12_000_000 // len(PIECE) + 1)))
        connection.sendall(b"".join(pieces))
        answer = read_answer(connection)
    document = answer.json()
    assert (answer.status, document["code"]) == (413, "request_too_large")
    items = gateway.http.get(f"/batches/{document['batch_id']}").json()["items"]
    assert [item["status"] for item in items] == ["submitted", "rejected"]


def test_an_answer_to_a_whole_body_keeps_the_connection(gateway: Gateway) -> None:
    answer = gateway.upload(fresh())
    assert "connection" not in answer.headers


def test_a_client_that_vanishes_in_mid_upload_leaves_nothing(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    with begun_upload(gateway):
        assert gateway.held_files()
    wait_until(lambda: not gateway.held_files(), timeout_s=5, what="nothing held")
    assert gateway.rows() == (0, 0, 0, 0, 0)


def test_an_upload_cut_off_by_a_killed_gateway_is_swept_by_the_next(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    with begun_upload(gateway):
        gateway.kill()
    assert gateway.held_files()
    gateway.start()
    assert gateway.held_files() == set()


@contextmanager
def begun_upload(gateway: Gateway) -> Iterator[None]:
    """An upload of 10 MB of which 3 MB have arrived."""
    with connect(gateway) as connection:
        head = post_head("/upload", "Content-Length: 10000000")
        connection.sendall(head + file_part(GOOD)[:-2] + bytes(3_000_000))
        wait_until(gateway.held_files, timeout_s=5, what="a file on its way in")
        yield


def sent_until_closed(connection: socket.socket, piece: bytes = PIECE) -> int:
    """How much the other side lets us send before it hangs up."""
    sent = 0
    try:
        while sent < 4 * MOST_READ_BYTES:
            connection.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    return sent
