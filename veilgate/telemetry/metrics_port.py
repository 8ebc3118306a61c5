"""The port of its own on which a process shows its numbers: `/metrics` for Prometheus, `/live` for probes.

Numbers are asked for when the house is in trouble: they share neither key nor queue with callers.
"""

import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client.exposition import choose_encoder

from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import REGISTRY

_log = get_logger(__name__)


def open_metrics_port(host: str, port: int, stack: ExitStack) -> None:
    """Serve until `stack` closes; 0 serves nothing. A port that is taken is logged and no reason to end: the
    work goes on, and Prometheus misses what it cannot scrape."""
    if port == 0:
        return
    try:
        server = _Server((host, port), _Page)
    except OSError as error:
        _log.warning("metrics.port_not_opened", host=host, port=port, reason=error.strerror or str(error))
        return
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    _log.info("metrics.listening", host=host, port=port)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 16

    def handle_error(self, *_: object) -> None:
        """Whoever asked has gone."""


class _Page(BaseHTTPRequestHandler):
    timeout = 10  # seconds that one who asks may take over each line
    server_version = "veilgate"
    sys_version = ""

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
