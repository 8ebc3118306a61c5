"""Load from keep-alive connections that always have one request on the way; a process each, or for several.

Processes with blocking sockets and requests made beforehand take a few percent of what a server takes, so
that the server is what is measured. They share the machine's cores with every server alike.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from statistics import quantiles

_START_TOGETHER_S = 0.3
_WARM_UP_S = 0.5
_ALL_STARTED_S = 2.0
_STAMP_BYTES = 16
_BOUNDARY = b"veilgate-bench-2f6a1c"

Requests = Iterator[bytes | bytearray]
# Makes the endless requests of one connection, in its own process.
RequestSource = Callable[[], Requests]


@dataclass(frozen=True, slots=True)
class Served:
    """What one server did in one turn; times from the first byte sent to the last one read."""

    per_s: float
    median_ms: float
    p99_ms: float


class Load:
    """The connections. Their processes live until it is closed, for turns at any number of servers."""

    def __init__(self, connections: int, *, processes: int | None = None) -> None:
        self._processes = processes or connections
        self._each = connections // self._processes
        self._pool = ProcessPoolExecutor(self._processes, mp_context=get_context("spawn"))

    def start(self) -> None:
        """Have all processes, before a turn that must not wait for them."""
        for started in [self._pool.submit(time.sleep, _ALL_STARTED_S) for _ in range(self._processes)]:
            started.result()

    def turn(self, port: int, source: RequestSource, *, seconds: float, expected: int) -> Served:
        """Ask a server for so many seconds, after a short warm-up; every answer must have this status."""
        begin_s = time.monotonic() + _START_TOGETHER_S
        clients = [
            self._pool.submit(
                _ask_on_some, self._each, port, source, begin_s=begin_s, seconds=seconds, expected=expected
            )
            for _ in range(self._processes)
        ]
        times_s = [taken for client in clients for taken in client.result()]
        cuts = quantiles(times_s, n=100)
        return Served(len(times_s) / seconds, cuts[49] * 1000, cuts[98] * 1000)

    def close(self) -> None:
        self._pool.shutdown()


def _ask_on_some(
    connections: int, port: int, source: RequestSource, *, begin_s: float, seconds: float, expected: int
) -> list[float]:
    ask = partial(_ask_on, port, source, begin_s=begin_s, seconds=seconds, expected=expected)
    with ThreadPoolExecutor(connections) as threads:
        return [
            taken for asked in [threads.submit(ask) for _ in range(connections)] for taken in asked.result()
        ]


def _ask_on(
    port: int, source: RequestSource, *, begin_s: float, seconds: float, expected: int
) -> list[float]:
    """One connection's requests; how long each took whose answer came within the measured time."""
    requests, status = source(), b"HTTP/1.1 %d " % expected
    count_from_s, end_s = begin_s + _WARM_UP_S, begin_s + _WARM_UP_S + seconds
    times_s: list[float] = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        time.sleep(max(0.0, begin_s - time.monotonic()))
        while True:
            request = next(requests)
            sent_s = time.monotonic()
            connection.sendall(request)
            answer = _read_answer(connection)
            done_s = time.monotonic()
            if not answer.startswith(status):
                raise RuntimeError(f"not {expected}: {answer[:500]!r}")
            if done_s > end_s:
                return times_s
            if done_s > count_from_s:
                times_s.append(done_s - sent_s)


def _read_answer(connection: socket.socket) -> bytes:
    answer = b""
    while (split := answer.find(b"\r\n\r\n")) < 0:
        answer += _receive(connection)
    head = answer[:split].lower()
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    while len(answer) < split + 4 + length:
        answer += _receive(connection)
    return answer


def _receive(connection: socket.socket) -> bytes:
    if data := connection.recv(65536):
        return data
    raise RuntimeError("the server closed the connection")


@dataclass(frozen=True, slots=True)
class Uploads:
    """`POST /upload` of JPEGs, each with a comment of its own, so that no two files are alike."""

    jpegs: tuple[bytes, ...]

    def __call__(self) -> Requests:
        requests = [_upload_request(jpeg) for jpeg in self.jpegs]
        while True:
            for request, stamp_at in requests:
                request[stamp_at : stamp_at + _STAMP_BYTES] = os.urandom(_STAMP_BYTES // 2).hex().encode()
                yield request


@dataclass(frozen=True, slots=True)
class Questions:
    """`GET` of these addresses, in turn, from a place of each connection's own."""

    paths: tuple[str, ...]

    def __call__(self) -> Requests:
        requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in self.paths]
        place = int.from_bytes(os.urandom(4), "big")
        while True:
            place += 1
            yield requests[place % len(requests)]


@dataclass(frozen=True, slots=True)
class Posts:
    """`POST` of these JSON documents, in turn, from a place of each connection's own."""

    path: str
    documents: tuple[bytes, ...]

    def __call__(self) -> Requests:
        requests = [
            b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (self.path.encode(), len(document), document)
            for document in self.documents
        ]
        place = int.from_bytes(os.urandom(4), "big")
        while True:
            place += 1
            yield requests[place % len(requests)]


def _upload_request(jpeg: bytes) -> tuple[bytearray, int]:
    """The whole request, and where in it the stamp of the picture's comment is."""
    comment = b"\xff\xfe" + (_STAMP_BYTES + 2).to_bytes(2, "big") + bytes(_STAMP_BYTES)
    disposition = b'Content-Disposition: form-data; name="file"; filename="photo.jpg"'
    part_head = b"--%b\r\n%b\r\nContent-Type: image/jpeg\r\n\r\n" % (_BOUNDARY, disposition)
    body = part_head + jpeg[:2] + comment + jpeg[2:] + b"\r\n--%b--\r\n" % _BOUNDARY
    head = (
        b"POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=%b\r\n"
        b"Content-Length: %d\r\n\r\n" % (_BOUNDARY, len(body))
    )
    return bytearray(head + body), len(head) + len(part_head) + 2 + 4
