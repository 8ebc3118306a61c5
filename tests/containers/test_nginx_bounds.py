"""What nginx, as docker-compose.yml has it, keeps from a house: foreign names, and slow readers."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.containers.gateways_behind_nginx import OWN_NAME, WayIn
from tests.integration.api.raw_http import read_answer
from tests.integration.api.refusals import assert_problem, raw
from tests.integration.api.samples import fresh
from tests.waiting import wait_until

# Neither sockets nor buffers on the way hold as much.
LARGE_BYTES = 64_000_000
STUCK_AFTER_S = 1.0


@pytest.fixture(scope="module")
def http(way_in: WayIn) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{way_in.port}", timeout=30, trust_env=False) as client:
        wait_until(lambda: client.get("/ready").is_success, timeout_s=10, what="the way in")
        yield client


@pytest.fixture(scope="module")
def https(way_in: WayIn, http: httpx.Client) -> Iterator[httpx.Client]:
    address = f"https://localhost:{way_in.tls_port}"
    with httpx.Client(base_url=address, verify=way_in.trust(), trust_env=False) as client:
        yield client


def test_a_page_whose_name_leads_to_this_machine_sees_and_deletes_nothing(http: httpx.Client) -> None:
    """To its browser it is a page of the same site: nothing but the name tells it from one of ours."""
    job_id = http.post("/upload", files={"file": ("a.jpg", fresh())}).json()["job_id"]
    for path in (f"/images/{job_id}", f"/images/{job_id}/original"):
        assert_problem(raw(http.get(path, headers=page_at("evil.example:8000"))), 421, "misdirected_request")
    refused = http.delete(f"/images/{job_id}", headers=page_at("evil.example:8000"))
    assert refused.status_code == 421
    assert http.get(f"/images/{job_id}").status_code == 200
    assert http.delete(f"/images/{job_id}", headers=page_at("localhost:8000")).status_code == 204


def page_at(host: str) -> dict[str, str]:
    """What a browser sends along for a page that it has from there."""
    return {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize(
    "name", ["evil.example", "localhost.evil.example:8000", "10.231.77.2", "gateway:8000"]
)
def test_foreign_names_are_refused(name: str, http: httpx.Client, https: httpx.Client) -> None:
    for client in (http, https):
        assert client.get("/ready", headers={"Host": name}).status_code == 421


def test_who_names_nobody_is_refused(way_in: WayIn) -> None:
    with socket.create_connection(("127.0.0.1", way_in.port), timeout=20) as connection:
        connection.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
        assert read_answer(connection).status == 421


@pytest.mark.parametrize(
    "name", ["localhost:8000", "LocalHost", "127.0.0.1:8000", "[::1]:8443", "nginx:8000", OWN_NAME]
)
def test_names_of_this_house_are_taken(name: str, http: httpx.Client, https: httpx.Client) -> None:
    for client in (http, https):
        assert client.get("/ready", headers={"Host": name}).status_code == 200


class _Large(BaseHTTPRequestHandler):
    """Answers with more than a reader wants, and says whether it was taken."""

    server: "_LargeServer"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(LARGE_BYTES))
        self.end_headers()
        self.connection.settimeout(STUCK_AFTER_S)
        try:
            self.wfile.write(bytes(LARGE_BYTES))
        except OSError as error:
            self.server.outcomes.append(error)
        else:
            self.server.outcomes.append(None)

    def do_HEAD(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _LargeServer(ThreadingHTTPServer):
    def __init__(self, address: str, port: int) -> None:
        super().__init__((address, port), _Large)
        self.outcomes: list[OSError | None] = []


@pytest.fixture
def large(way_in: WayIn, http: httpx.Client) -> Iterator[_LargeServer]:
    """In place of all gateways."""
    known, way_in.names.addresses = way_in.names.addresses, ["127.0.0.9"]
    with _LargeServer("127.0.0.9", way_in.gateway_port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            wait_until(lambda: http.head("/").status_code == 204, timeout_s=10, what="the large answers")
            yield server
        finally:
            way_in.names.addresses = known
            server.shutdown()
            thread.join()
    wait_until(lambda: http.get("/ready").is_success, timeout_s=10, what="the gateways again")


def test_what_a_slow_reader_leaves_does_not_fill_memory(way_in: WayIn, large: _LargeServer) -> None:
    """nginx' folder for what it holds back is memory of its container."""
    with socket.create_connection(("127.0.0.1", way_in.port), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        [outcome] = wait_until(lambda: large.outcomes, timeout_s=20, what="an end of the answer")
    assert isinstance(outcome, TimeoutError), "nginx took all of it"
