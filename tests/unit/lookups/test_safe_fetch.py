"""Fetching from servers that lie, stall and flood: each ends in one of our errors, in time and in bounds."""

import asyncio
import gzip
import random
import socket
import time
from pathlib import Path

import pytest

from tests.fixtures.odd_server import OddServer, OpenOddServer, head, whole
from tests.unit.lookups.fetching import Names, fetched, fetcher, read
from veilgate.domain.errors import QueueFull, VeilgateError
from veilgate.domain.rejections import EmptyFile, FetchFailed, FetchTimeout, FileTooLarge, UrlForbidden
from veilgate.lookups.safe_fetch import FetchPatience, SafeFetch

BODY = bytes(range(256)) * 300
# Where time is not what a test is about.
PATIENT = FetchPatience(5, 60, 60)


@pytest.fixture
def fetch(odd_server: OddServer) -> SafeFetch:
    """May fetch from the odd server, by its port only."""
    return fetcher(f"127.0.0.1:{odd_server.port}")


def test_what_is_there_is_fetched(odd_server: OddServer, fetch: SafeFetch) -> None:
    assert fetched(fetch, odd_server.say("/a.jpg?b=c", whole(BODY))) == BODY
    (request,) = odd_server.heads
    lines = request.strip().split("\r\n")
    assert lines[0] == "GET /a.jpg?b=c HTTP/1.1"
    assert {line.partition(":")[0].lower() for line in lines[1:]} <= {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "connection",
    }
    assert f"Host: 127.0.0.1:{odd_server.port}" in lines
    assert "Accept: image/*" in lines
    assert "Accept-Encoding: identity" in lines


def test_a_proxy_or_password_of_the_environment_is_not_used(
    odd_server: OddServer, fetch: SafeFetch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    passwords = tmp_path / "netrc"
    passwords.write_text("machine 127.0.0.1 login somebody password something\n")
    monkeypatch.setenv("NETRC", str(passwords))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    assert fetched(fetch, odd_server.say("/", whole(BODY))) == BODY
    assert "authorization" not in odd_server.heads[0].lower()


def test_bytes_may_come_in_pieces_and_without_a_length(odd_server: OddServer, fetch: SafeFetch) -> None:
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:7], BODY[7:])) + b"0\r\n\r\n"
    assert (
        fetched(fetch, odd_server.say("/a", head("200 OK", "Transfer-Encoding: chunked") + chunked)) == BODY
    )
    assert fetched(fetch, odd_server.say("/b", head("200 OK", "Connection: close") + BODY)) == BODY
    assert fetched(fetch, odd_server.say("/c", whole(b""))) == b""


def test_as_many_bytes_as_allowed_and_none_more(odd_server: OddServer, fetch: SafeFetch) -> None:
    url = odd_server.say("/", whole(BODY))
    assert fetched(fetch, url, max_bytes=len(BODY)) == BODY
    with pytest.raises(FileTooLarge, match=str(len(BODY) - 1)):
        fetched(fetch, url, max_bytes=len(BODY) - 1)


def test_a_length_beyond_the_limit_is_believed_at_once(odd_server: OddServer, fetch: SafeFetch) -> None:
    url = odd_server.drip("/", b"x", before=head("200 OK", "Content-Length: 10000000000"), pause_s=5)
    with pytest.raises(FileTooLarge):
        fetched(fetch, url)


@pytest.mark.parametrize(
    ("lines", "block"),
    [
        ([], b"x" * 65536),
        (["Content-Length: 99999"], b"x" * 65536),
        (["Transfer-Encoding: chunked"], b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    ],
    ids=["endless", "longer than said", "chunked"],
)
def test_more_than_the_limit_is_never_taken(
    odd_server: OddServer, fetch: SafeFetch, lines: list[str], block: bytes
) -> None:
    taken = 0

    async def count() -> None:
        nonlocal taken
        async with fetch.open(fetch.read_target(url), max_bytes=90_000) as chunks:
            async for chunk in chunks:
                taken += len(chunk)

    url = odd_server.flood("/", block, before=head("200 OK", *lines))
    with pytest.raises((FileTooLarge, FetchFailed)):
        asyncio.run(count())
    assert taken <= 90_000


def test_a_bomb_is_not_inflated(odd_server: OddServer, fetch: SafeFetch) -> None:
    bomb = gzip.compress(bytes(20_000_000))
    for said in ("gzip", "GZIP", "deflate", "br", "identity, gzip"):
        with pytest.raises(FetchFailed, match="compresses"):
            fetched(fetch, odd_server.say("/", whole(bomb, f"Content-Encoding: {said}")))
    assert fetched(fetch, odd_server.say("/", whole(bomb, "Content-Encoding: identity"))) == bomb
    # A second header of that name is not seen, and nothing comes of it: bytes stay as they came.
    twice = whole(bomb, "Content-Encoding: identity", "Content-Encoding: gzip")
    assert fetched(fetch, odd_server.say("/", twice)) == bomb


@pytest.mark.parametrize(
    "status", ["201 Created", "206 Partial Content", "300 Multiple Choices", "404 Not Found", "500 Oh"]
)
def test_another_status_is_named_and_nothing_else(
    odd_server: OddServer, fetch: SafeFetch, status: str
) -> None:
    url = odd_server.say("/", head(status, "Content-Length: 6", "X-Secret: s3cret") + b"s3cret")
    with pytest.raises(FetchFailed) as refusal:
        fetched(fetch, url)
    assert refusal.value.message == f"The server answered with status {status[:3]}."


def test_no_content_is_an_empty_file(odd_server: OddServer, fetch: SafeFetch) -> None:
    with pytest.raises(EmptyFile):
        fetched(fetch, odd_server.say("/", head("204 No Content")))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"220 smtp.example ESMTP\r\n",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"\x00" * 4096,
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX\x00Y: z\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_that_is_none_has_failed(odd_server: OddServer, fetch: SafeFetch, answer: bytes) -> None:
    with pytest.raises(FetchFailed):
        fetched(fetch, odd_server.say("/", answer))


@pytest.mark.parametrize("before", [b"", head()[:-2], head(), head("200 OK", "Transfer-Encoding: chunked")])
def test_a_server_that_falls_silent_is_given_up(
    odd_server: OddServer, fetch: SafeFetch, before: bytes
) -> None:
    with pytest.raises(FetchTimeout):
        fetched(fetch, odd_server.drip("/", b"x", before=before, pause_s=60))


@pytest.mark.parametrize("before", [b"HTTP/1.1 200 OK\r\nX-Slow: ", head()], ids=["headers", "body"])
def test_a_server_that_drips_is_given_up(odd_server: OddServer, fetch: SafeFetch, before: bytes) -> None:
    """Each byte comes in time; all of them together do not."""
    with pytest.raises(FetchTimeout):
        fetched(fetch, odd_server.drip("/", b"x", before=before, pause_s=0.1))


@pytest.mark.parametrize(
    ("before", "block"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000),
        (head("200 OK", "Transfer-Encoding: chunked"), b"1\r\nx\r\n" * 10_000),
        (
            head("200 OK", "Transfer-Encoding: chunked"),
            b"100;" + b"y" * 2000 + b"\r\n" + bytes(256) + b"\r\n",
        ),
    ],
    ids=["interim answers", "chunks of a byte", "words about chunks"],
)
def test_a_server_that_keeps_us_parsing_is_given_up_soon(
    odd_server: OddServer, before: bytes, block: bytes
) -> None:
    fetch = fetcher(f"127.0.0.1:{odd_server.port}", patience=PATIENT)
    began_s = time.process_time()
    with pytest.raises(FetchFailed):
        fetched(fetch, odd_server.flood("/", block, before=before), max_bytes=100_000_000)
    assert time.process_time() - began_s < 1.5


def test_small_chunks_are_no_crime(odd_server: OddServer) -> None:
    fetch = fetcher(f"127.0.0.1:{odd_server.port}", patience=PATIENT)
    parts = [BODY[start : start + 8] for start in range(0, len(BODY), 8)]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    assert fetched(fetch, odd_server.say("/", head("200 OK", "Transfer-Encoding: chunked") + chunked)) == BODY


def test_much_is_fetched_in_order(odd_server: OddServer) -> None:
    """More than is held at a time: reading pauses and goes on."""
    fetch = fetcher(f"127.0.0.1:{odd_server.port}", patience=PATIENT)
    much = random.Random(1).randbytes(5_000_000)
    assert fetched(fetch, odd_server.say("/", whole(much)), max_bytes=len(much)) == much


def test_taking_the_bytes_slowly_is_no_reason_to_cut_off_who_takes_them(
    odd_server: OddServer, fetch: SafeFetch
) -> None:
    """The deadline passes while a disk is slow: that is told when the next bytes are asked for."""
    finished: list[bool] = []

    async def take_slowly() -> None:
        async with fetch.open(fetch.read_target(url), max_bytes=10_000_000) as chunks:
            async for _ in chunks:
                await asyncio.sleep(1)
                finished.append(True)

    url = odd_server.flood("/", b"x" * 1000, before=head())
    with pytest.raises(FetchTimeout):
        asyncio.run(take_slowly())
    assert finished == [True]


def test_refused_reset_hidden_and_unknown_look_the_same(
    odd_server: OddServer, open_odd_server: OpenOddServer
) -> None:
    def reset(caller: socket.socket) -> None:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    mute = open_odd_server(speaks=False)
    odd_server.scripts["/reset"] = reset
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed_port = unused.getsockname()[1]
        fetch = fetcher(",".join(f"127.0.0.1:{port}" for port in (odd_server.port, mute.port, closed_port)))
        said = set()
        for url in (
            f"http://127.0.0.1:{closed_port}/",
            odd_server.url("/reset"),
            f"https://127.0.0.1:{mute.port}/",  # takes the connection, and says nothing to our TLS
            f"https://127.0.0.1:{odd_server.port}/",  # speaks no TLS
            "http://unknown.test/",
        ):
            with pytest.raises(VeilgateError) as refusal:
                fetched(fetch, url)
            said.add((refusal.value.code, refusal.value.message))
    assert said == {("fetch_failed", "Nothing could be fetched from this address.")}


def test_no_more_are_fetched_at_once_than_may_be(odd_server: OddServer) -> None:
    fetch = fetcher(f"127.0.0.1:{odd_server.port}", most_at_once=2)
    odd_server.say("/", whole(BODY))

    async def three() -> list[bytes | BaseException]:
        return await asyncio.gather(
            *(read(fetch, odd_server.url()) for _ in range(3)), return_exceptions=True
        )

    answers = asyncio.run(three())
    assert [answer for answer in answers if answer == BODY] == [BODY, BODY]
    (refused,) = (answer for answer in answers if answer != BODY)
    assert isinstance(refused, QueueFull)
    assert refused.retry_after_s
    assert fetched(fetch, odd_server.url()) == BODY, "and places are given back"


def test_a_place_is_given_back_by_those_who_fail(odd_server: OddServer) -> None:
    fetch = fetcher(f"127.0.0.1:{odd_server.port}", most_at_once=1)
    for url in (odd_server.url("/none"), odd_server.redirect("/away", "http://10.0.0.1/")):
        with pytest.raises((FetchFailed, UrlForbidden)):
            fetched(fetch, url)
    assert fetched(fetch, odd_server.say("/", whole(BODY))) == BODY


def test_names_that_take_for_ever_are_given_up() -> None:
    class Slow(Names):
        async def resolve(self, name: str, _port: int) -> list[str]:
            self.asked.append(name)
            await asyncio.sleep(60)
            return []

    slow = Slow()
    with pytest.raises(FetchFailed):
        fetched(fetcher("", slow, patience=FetchPatience(0.1, 5, 5)), "http://slow.test/")
    assert slow.asked == ["slow.test"]
