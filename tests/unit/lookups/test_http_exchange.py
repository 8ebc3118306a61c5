"""One request to a server that answers well, badly, or not at all."""

import asyncio
import gzip
import os
import socket
import struct
import tracemalloc

import pytest

from tests.fixtures.certificates import Issuer
from tests.fixtures.odd_server import OddServer, OpenOddServer, head, whole
from veilgate.domain.provider_errors import ProviderBroken
from veilgate.lookups.http_exchange import HttpExchange
from veilgate.lookups.questions import Question, Reply
from veilgate.lookups.sending import Fate, NeverSent, Unanswered

MIB = 1024 * 1024


@pytest.fixture
def server(open_odd_server: OpenOddServer) -> OddServer:
    return open_odd_server()


def question(url: str, **query: str) -> Question:
    return Question("google_vision", url, "0" * 64, "", query=query, headers={"X-Key": "s3cret"}, body=b"{}")


def send(url: str, *, timeout_s: float = 5.0, times: int = 1, **query: str) -> Reply:
    async def work() -> Reply:
        exchange = HttpExchange()
        try:
            for _ in range(times):
                reply = await exchange.send(question(url, **query), timeout_s=timeout_s, fate=Fate())
        finally:
            await exchange.close()
        return reply

    return asyncio.run(work())


def test_gives_status_headers_and_document(server: OddServer) -> None:
    server.say("/?q=a+%26+b", whole(b'{"a": [1, "b"]}', "Content-Type: text/plain", "X-Limit: 5"))
    reply = send(server.url("/"), q="a & b")
    assert (reply.status, reply.document, reply.headers["x-limit"]) == (200, {"a": [1, "b"]}, "5")
    assert "\r\nX-Key: s3cret\r\n" in server.heads[0]


def test_an_error_is_an_answer_too(server: OddServer) -> None:
    body = b'{"error": "slow down"}'
    reply = send(
        server.say(
            "/", head("429 Too Many Requests", "Retry-After: 7", f"Content-Length: {len(body)}") + body
        )
    )
    assert (reply.status, reply.headers["retry-after"], reply.document) == (429, "7", {"error": "slow down"})


def test_follows_nobody_elsewhere(server: OddServer) -> None:
    reply = send(server.redirect("/", server.say("/elsewhere", whole(b"{}"))))
    assert (reply.status, server.connections) == (302, 1)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": [1, 2',
        b"<!doctype html><title>nginx</title>",
        b"",
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b"[" * 100_000,
        b"9" * 5000,
    ],
    ids=["cut", "html", "empty", "nan", "latin", "half-a-character", "deep", "long-number"],
)
def test_what_is_no_json_is_no_document(server: OddServer, body: bytes) -> None:
    reply = send(server.say("/", whole(body)))
    assert reply.document is None
    assert reply.text[:4] == body[:4].decode(errors="replace")


def test_half_a_character_is_mended(server: OddServer) -> None:
    body = b'\xef\xbb\xbf{"a": "\\uD83D\\uDE00", "b": "half \\ud83d"}'
    assert send(server.say("/", whole(body))).document == {"a": "\N{GRINNING FACE}", "b": "half ?"}


def test_who_hangs_is_given_up(server: OddServer) -> None:
    server.scripts["/silent"] = lambda _caller: no_word(server)
    drips = server.drip("/drips", b" ", before=head("200 OK", "Content-Length: 100000"), pause_s=0.01)
    for url in (server.url("/silent"), drips):
        with pytest.raises(Unanswered, match=r"within 0\.2 seconds"):
            send(url, timeout_s=0.2)


def test_who_hangs_before_there_is_a_connection_has_seen_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(NeverSent, match="within"):
        send(f"https://127.0.0.1:{deaf.getsockname()[1]}/", timeout_s=0.2)


def no_word(server: OddServer) -> None:
    server.closing.wait(10)


def reset(caller: socket.socket) -> None:
    caller.sendall(whole(b'{"a": 1}')[:-3])
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_what_breaks_off_is_not_answered(server: OddServer) -> None:
    server.scripts["/reset"] = reset
    half = server.say("/half", whole(b'{"a": 1}')[:-3])
    silent = server.say("/closed", b"")
    for url in (server.url("/reset"), half, silent, server.say("/noise", b"\x00\xff\r\n\r\n")):
        with pytest.raises(Unanswered, match="broke off"):
            send(url)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_nobody_reads_more_than_4_mib(server: OddServer, packed: bool) -> None:
    body, more = b'"' + bytes(64 * MIB) + b'"', []
    if packed:
        body, more = gzip.compress(body, 1), ["Content-Encoding: gzip"]
    url = server.say("/", whole(body, *more))
    tracemalloc.start()
    try:
        with pytest.raises(ProviderBroken):
            send(url)
        assert tracemalloc.get_traced_memory()[1] < 32 * MIB
    finally:
        tracemalloc.stop()


def test_who_cannot_be_reached_has_seen_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/", "http://nowhere.invalid/", "http://[::1"):
        with pytest.raises(NeverSent):
            send(url)


def test_believes_no_certificate_that_anybody_made(open_odd_server: OpenOddServer, issuer: Issuer) -> None:
    server = open_odd_server(tls=issuer.server_side(["127.0.0.1"]))
    with pytest.raises(NeverSent):
        send(server.say("/", whole(b"{}")))
    assert server.heads == []


def test_keeps_no_cookie_and_asks_no_proxy(server: OddServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "http_proxy", "http://127.0.0.1:9")
    answer = whole(b"{}", "Set-Cookie: who=me", "Connection: close")
    send(server.say("/", answer), times=2)
    assert len(server.heads) == 2
    assert not any("cookie" in one.lower() for one in server.heads)


def test_no_failure_says_an_address(server: OddServer) -> None:
    for url in (server.say("/", b""), "http://nowhere.invalid/", "http://[::1"):
        with pytest.raises((NeverSent, Unanswered)) as failed:
            send(url)
        assert failed.value.__suppress_context__
        assert str(failed.value) in {"It cannot be reached.", "It broke off.", "Its address is none."}
