"""The port of its own on which a process shows its numbers: `/metrics` for Prometheus, `/live` for probes.

Numbers are asked for when the house is in trouble: they share neither key nor queue with callers.
"""

import io
import socket
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from prometheus_client.exposition import choose_encoder

from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import REGISTRY

_log = get_logger(__name__)

_MOST_AT_ONCE = 8
# Whoever finds all places taken waits so long, with everybody behind, and is sent away then.
_PLACE_WITHIN_S = 1.0
# From the first byte that is asked to the last of the answer.
_DONE_WITHIN_S = 10.0


def open_metrics_port(host: str, port: int, stack: ExitStack) -> None:
    """Serve until `stack` closes; 0 serves nothing. A port that is taken is logged and no reason to end: the
    work goes on, and Prometheus misses what it cannot scrape."""
    if port == 0:
        return
    try:
        server = _Server(host, port)
    except OSError as error:
        _log.warning("metrics.port_not_opened", host=host, port=port, reason=error.strerror or str(error))
        return
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    _log.info("metrics.listening", host=host, port=port)


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 16

    def __init__(self, host: str, port: int) -> None:
        self._places = threading.BoundedSemaphore(_MOST_AT_ONCE)
        [(self.address_family, *_), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        super().__init__((host, port), _Page)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(timeout=_PLACE_WITHIN_S):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be begun
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, *_: object) -> None:
        """Whoever asked has gone."""


class _Asked(io.RawIOBase):
    """What comes over a connection until the time is over, which then has none left for the answer either."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._until_s = time.monotonic() + _DONE_WITHIN_S

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if (left_s := self._until_s - time.monotonic()) <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)
        return self._connection.recv_into(buffer)


class _Page(BaseHTTPRequestHandler):
    server_version = "veilgate"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(_Asked(self.connection))

    def do_GET(self) -> None:
        if self.path.partition("?")[0] == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept") or "")
            self._answer(200, encode(REGISTRY), content_type)
        elif self.path == "/live":
            self._answer(200, b"alive\n", "text/plain")
        else:
            self._answer(404, b"/metrics or /live\n", "text/plain")

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Asked every few seconds."""
