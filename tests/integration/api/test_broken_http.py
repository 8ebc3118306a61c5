"""What is no HTTP, or too much of it: a problem and a closed connection, before any route is asked."""

import re

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.raw_http import END, connect, file_part, post_head, read_answer
from tests.integration.api.refusals import assert_problem, at_once
from tests.integration.api.samples import fresh

pytestmark = [pytest.mark.one_house, pytest.mark.usefixtures("unharmed", "unchanged")]

ASK = b"GET /ready HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = post_head("/upload", "Transfer-Encoding: chunked")
MALFORMED = (400, "malformed_request")
TOO_LARGE = (431, "head_too_large")
# name -> (what is sent, (status, code))
BROKEN: dict[str, tuple[bytes, tuple[int, str]]] = {
    "a TLS greeting": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", MALFORMED),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", MALFORMED),
    "Redis": (b"*1\r\n$4\r\nPING\r\n", MALFORMED),
    "zeros": (bytes(1000), MALFORMED),
    "HTTP/9.9": (b"GET / HTTP/9.9\r\n\r\n", MALFORMED),
    "a space in the address": (b"GET /a b HTTP/1.1\r\n\r\n", MALFORMED),
    "bytes in the address": (b"GET /\xff\xfe HTTP/1.1\r\n\r\n", MALFORMED),
    "an unknown method": (b"VEIL /upload HTTP/1.1\r\n\r\n", MALFORMED),
    "CONNECT": (b"CONNECT mail:25 HTTP/1.1\r\nHost: mail\r\n\r\n", MALFORMED),
    "line ends of one byte": (b"GET / HTTP/1.1\nHost: a\n\n", MALFORMED),
    "a space before the colon": (ASK + b"X : y\r\n\r\n", MALFORMED),
    "a header without colon": (ASK + b"X\r\n\r\n", MALFORMED),
    "a header without name": (ASK + b": y\r\n\r\n", MALFORMED),
    "a folded header": (ASK + b"X: y\r\n z\r\n\r\n", MALFORMED),
    "NUL in a header": (ASK + b"X: y\0z\r\n\r\n", MALFORMED),
    "a bare CR in a header": (ASK + b"X: y\rZ: y\r\n\r\n", MALFORMED),
    "a chunk that is no number": (CHUNKED + b"zz\r\n", MALFORMED),
    "a negative chunk": (CHUNKED + b"-5\r\n", MALFORMED),
    "a chunk of 2^64 bytes": (CHUNKED + b"1" + b"0" * 16 + b"\r\n", MALFORMED),
    "a chunk longer than it says": (CHUNKED + b"2\r\n--frontier\r\n", MALFORMED),
    "a body and an upgrade": (
        post_head("/upload", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 12") + b"--frontier--",
        MALFORMED,
    ),
    "an address of 1 MB": (b"GET /status/" + b"1" * 1_000_000 + b" HTTP/1.1\r\n\r\n", TOO_LARGE),
    "an address without end": (b"GET /status/" + b"1" * 1_000_000, TOO_LARGE),
    "a query of 1 MB": (b"GET /ready?" + b"q" * 1_000_000 + b" HTTP/1.1\r\n\r\n", TOO_LARGE),
    "a header of 70 kB": (ASK + b"X: " + b"y" * 70_000 + b"\r\n\r\n", TOO_LARGE),
    "a header without end": (ASK + b"X: " + b"y" * 1_000_000, TOO_LARGE),
    "a name without end": (ASK + b"x" * 1_000_000, TOO_LARGE),
    "20,000 headers": (ASK + b"a: b\r\n" * 20_000 + b"\r\n", TOO_LARGE),
    "blank lines without end": (b"\r\n" * 500_000, TOO_LARGE),
    "a chunk with much to say": (CHUNKED + b"5;" + b"x" * 1_000_000, TOO_LARGE),
    "20,000 trailers": (CHUNKED + b"0\r\n" + b"a: b\r\n" * 20_000, TOO_LARGE),
    "a trailer without end": (CHUNKED + b"0\r\nX: " + b"y" * 1_000_000, TOO_LARGE),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_http_is_a_problem(gateway: Gateway, name: str) -> None:
    sent, (status, code) = BROKEN[name]
    with at_once(), connect(gateway) as connection:
        connection.sendall(sent)
        answer = read_answer(connection)
        assert_problem(answer, status, code)
        assert answer.headers["connection"] == "close"
        assert connection.recv(1) == b""


@pytest.mark.parametrize("junk", [b"\0\0\r\n\r\n", b"GET /ready HTTP/1.1\r\nX : y\r\n\r\n"])
def test_a_good_request_is_answered_before_what_follows_it(gateway: Gateway, junk: bytes) -> None:
    with connect(gateway) as connection:
        connection.sendall(ASK + b"\r\n")
        assert read_answer(connection).status == 200
        connection.sendall(junk)
        assert_problem(read_answer(connection), *MALFORMED)


def test_a_head_just_within_the_bound_is_read(gateway: Gateway) -> None:
    with connect(gateway) as connection:
        connection.sendall(ASK + b"X: " + b"y" * 65_000 + b"\r\n\r\n")
        assert read_answer(connection).status == 200


def test_several_requests_at_once_are_answered_in_order(gateway: Gateway) -> None:
    with connect(gateway) as connection:
        asked = [b"/ready", b"/nowhere", b"/ready"]
        last = b"Connection: close\r\n"
        connection.sendall(
            b"\r\n".join(b"GET %s HTTP/1.1\r\nHost: localhost\r\n" % path for path in asked) + last
        )
        connection.sendall(b"\r\n")
        said = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert re.findall(rb"HTTP/1\.1 (\d+)", said) == [b"200", b"404", b"200"]


def test_who_asks_for_another_protocol_is_answered_in_this_one(gateway: Gateway) -> None:
    with connect(gateway) as connection:
        for protocol in (b"h2c", b"websocket"):
            connection.sendall(ASK + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n")
            assert read_answer(connection).status == 200


def test_a_trailer_is_no_header(gateway: Gateway) -> None:
    """Else it would name the request, or its caller, after both were looked at."""
    with connect(gateway) as connection:
        body = file_part(b"no picture") + END
        connection.sendall(CHUNKED + b"%x\r\n%s\r\n0\r\n" % (len(body), body))
        connection.sendall(b"X-Request-ID: from-a-trailer\r\n\r\n")
        answer = read_answer(connection)
        assert_problem(answer, 415, "not_an_image")
        assert answer.headers["x-request-id"] != "from-a-trailer"
        connection.sendall(ASK + b"\r\n")
        assert read_answer(connection).status == 200


def test_a_hundred_broken_connections_leave_room_for_good_ones(gateway: Gateway) -> None:
    for _ in range(100):
        with connect(gateway) as connection:
            connection.sendall(b"\x16\x03\x01\x02\x00")
    assert gateway.upload(b"no picture").status_code == 415
    assert gateway.http.get(f"/status/{fresh().hex()[:36]}").status_code == 404
