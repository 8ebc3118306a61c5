"""The port on which numbers are shown: at every address, and who is slow there keeps nobody out for long."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest
from structlog.testing import capture_logs

from tests.waiting import wait_until
from veilgate.telemetry import metrics_port
from veilgate.telemetry.metrics_port import open_metrics_port

# Those of them count that this machine has.
REACHED_AT = {
    "127.0.0.1": "127.0.0.1",
    "localhost": "localhost",
    "::1": "[::1]",
    "::": "[::1]",
}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def lives(host: str, port: int) -> bool:
    return httpx.get(f"http://{host}:{port}/live", trust_env=False, timeout=5).text == "alive\n"


def is_here(host: str) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with suppress(OSError), socket.create_server((host, 0), family=family):
        return True
    return False


@pytest.mark.parametrize("host", REACHED_AT)
def test_it_opens_at_every_address_of_this_machine(stack: ExitStack, free_port: int, host: str) -> None:
    with capture_logs() as said:
        open_metrics_port(host, free_port, stack)
    if is_here(host):
        assert lives(REACHED_AT[host], free_port)
    else:
        assert [line["event"] for line in said] == ["metrics.port_not_opened"]


class Slow:
    """Connections that ask for something and do not end their question."""

    def __init__(self, stack: ExitStack, port: int, how_many: int) -> None:
        self._connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(how_many)
        ]
        self.say(b"GET /metrics HTTP/1.1\r\n")

    def say(self, more: bytes) -> None:
        for connection in self._connections:
            with suppress(OSError):
                connection.sendall(more)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def wait_for_an_end(self) -> None:
        """Until the house has ended each of them; fails when one is open after 10 s."""
        for connection in self._connections:
            connection.settimeout(10)
            with suppress(ConnectionError):
                assert connection.recv(1) == b""


def test_no_more_than_so_many_are_answered_at_once(
    stack: ExitStack, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_port, "_PLACE_WITHIN_S", 0.02)
    port, most = free_port, metrics_port._MOST_AT_ONCE
    open_metrics_port("127.0.0.1", port, stack)
    before = threading.active_count()
    slow = Slow(stack, port, most)
    wait_until(lambda: threading.active_count() == before + most, timeout_s=10, what="all places to be taken")
    Slow(stack, port, most).wait_for_an_end()
    assert threading.active_count() == before + most
    slow.close()
    wait_until(lambda: threading.active_count() == before, timeout_s=10, what="all places to be free")
    assert lives("127.0.0.1", port)


def test_who_finds_all_places_taken_waits_for_one(
    stack: ExitStack, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_port, "_MOST_AT_ONCE", 1)
    monkeypatch.setattr(metrics_port, "_PLACE_WITHIN_S", 10.0)
    open_metrics_port("127.0.0.1", free_port, stack)
    slow = Slow(stack, free_port, 1)
    freeing = threading.Timer(0.2, slow.close)
    freeing.start()
    assert lives("127.0.0.1", free_port)
    freeing.join()


def test_a_question_that_takes_too_long_is_ended_however_it_goes_on(
    stack: ExitStack, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_port, "_DONE_WITHIN_S", 0.5)
    open_metrics_port("127.0.0.1", free_port, stack)
    slow, began_s = Slow(stack, free_port, 1), time.monotonic()
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(0.05):
            slow.say(b"X-More: 1\r\n")

    going_on = threading.Thread(target=go_on)
    going_on.start()
    try:
        slow.wait_for_an_end()
    finally:
        over.set()
        going_on.join()
    assert 0.4 < time.monotonic() - began_s < 5
