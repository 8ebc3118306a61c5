"""A gateway that keeps nothing and does as it is told: what a load must not take for success."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RESULTS = {"queue_time": 0.01, "stages": {"find_faces": {"outcome": "produced", "ms": 7}}}


class FalseGateway:
    """Every picture is done at once, unless told otherwise: how many calls of a route are `refused`, and the
    `retry_after` of those, the `job_status` of all jobs, the `copy_status` of their veiled copies, the `key`
    that it wants."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.retry_after: str | None = "1"
        self.job_status = "completed"
        self.copy_status = 200
        self.key: str | None = None
        self.asked: Counter[str] = Counter()
        self.pictures: list[bytes] = []
        self._turn = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        """Status, headers, document."""
        route = path.partition("?")[0].split("/")[1]
        with self._turn:
            self.asked[route] += 1
            if self.refused[route]:
                return self._refusal(route)
            if route == "upload":
                return self._taken(body)
        if route == "status":
            return 200, {}, {"status": self.job_status, "error": None, "results": RESULTS}
        return (self.copy_status if path.endswith("/processed") else 200), {}, {}

    def _refusal(self, route: str) -> tuple[int, dict[str, str], Any]:
        """As the house refuses an upload, and a proxy who has too many connections."""
        self.refused[route] -= 1
        advice = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        if route == "upload":
            return 503, advice, {"code": "queue_full"}
        return 429, advice, {"code": "rate_limited"}

    def _taken(self, body: bytes) -> tuple[int, dict[str, str], Any]:
        self.pictures.append(body[body.index(b"\xff\xd8") : body.rindex(b"\xff\xd9") + 2])
        return 202, {}, {"job_id": f"job-{len(self.pictures)}"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(b"")

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, body: bytes) -> None:
                status, headers, document = gateway.answer(self.path, body)
                if gateway.key and self.headers["Authorization"] != f"Bearer {gateway.key}":
                    status, headers, document = 401, {}, {}
                data = json.dumps(document).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """pytest's output is for pytest."""

        return Handler
