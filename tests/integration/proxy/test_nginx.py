"""The house's nginx configuration in front of a real gateway."""

import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.fixtures.nginx import NAME, RunningNginx
from tests.fixtures.paths import REPOSITORY_ROOT
from tests.integration.api.gateway import Gateway
from tests.integration.api.raw_http import RawAnswer, file_part, post_head, read_answer
from tests.integration.api.refusals import assert_problem, at_once, raw, unharmed_by
from tests.integration.api.samples import GOOD, fresh
from tests.waiting import wait_until
from veilgate.settings.groups import ServerSettings

MAX_BATCH_BYTES = ServerSettings.model_fields["max_batch_bytes"].default
HEAD_S = 10
SLOW_HEAD = b"GET /ready HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
SLOW_BODY = post_head("/upload", "Content-Length: 900000") + file_part(GOOD[:20])[:-2]


@pytest.fixture(scope="module")
def http(nginx: RunningNginx) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{nginx.port}", timeout=30, trust_env=False) as client:
        yield client


def connect(nginx: RunningNginx, *, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", nginx.port), timeout=20, source_address=(source, 0))


def ask(nginx: RunningNginx, request: bytes) -> RawAnswer:
    with connect(nginx) as connection:
        connection.sendall(request)
        return read_answer(connection)


def upload(http: httpx.Client, picture: bytes) -> httpx.Response:
    return http.post("/upload", files={"file": ("a.jpg", picture)})


def test_nginx_finds_nothing_wrong(nginx: RunningNginx) -> None:
    done = nginx.check()
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_the_largest_body_is_the_largest_batch() -> None:
    text = (REPOSITORY_ROOT / "nginx" / "veilgate-server.conf").read_text()
    [given] = re.findall(r"client_max_body_size (\d+);", text)
    assert int(given) == MAX_BATCH_BYTES


def test_a_picture_goes_in_and_comes_out(http: httpx.Client) -> None:
    picture = fresh()
    answer = upload(http, picture)
    assert answer.status_code == 202, answer.text
    assert "server" not in answer.headers or answer.headers["server"] == "nginx"
    original = http.get(f"/images/{answer.json()['job_id']}/original")
    assert original.content == picture
    assert original.headers["content-security-policy"].startswith("sandbox")


def test_events_come_when_they_happen(http: httpx.Client) -> None:
    job_id = upload(http, fresh()).json()["job_id"]
    with http.stream("GET", f"/jobs/{job_id}/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "id: 1"
        with at_once():
            assert http.post(f"/jobs/{job_id}/cancel").status_code == 200
            assert "id: 2" in lines


def test_a_body_over_the_limit_is_refused_before_it_is_sent(nginx: RunningNginx) -> None:
    with at_once():
        answer = ask(nginx, post_head("/batch-upload", f"Content-Length: {MAX_BATCH_BYTES + 1}"))
    assert_problem(answer, 413, "request_too_large")


def test_a_refusal_in_mid_body_comes_through(http: httpx.Client) -> None:
    answer = upload(http, GOOD + bytes(60_000_000))
    assert_problem(raw(answer), 413, "file_too_large")


def test_a_batch_is_taken_while_it_is_sent(nginx: RunningNginx, gateway: Gateway) -> None:
    """A caller who vanishes in the middle leaves what was complete."""
    before = gateway.rows()[1]
    with connect(nginx) as connection:
        connection.sendall(post_head("/batch-upload", "Content-Length: 1000000"))
        connection.sendall(file_part(fresh(), name="files") + file_part(GOOD[:20], name="files"))
        wait_until(lambda: gateway.rows()[1] > before, timeout_s=5, what="the first picture")
    assert gateway.rows()[1] == before + 1


def test_a_head_beyond_the_bound_is_refused(nginx: RunningNginx) -> None:
    with at_once():
        assert ask(nginx, SLOW_HEAD + b"y" * 20_000 + b"\r\n\r\n").status == 400


def test_tls_is_announced_to_stay(nginx: RunningNginx) -> None:
    with (
        socket.create_connection(("127.0.0.1", nginx.tls_port), timeout=10) as plain,
        nginx.trust().wrap_socket(plain, server_hostname=NAME) as connection,
    ):
        assert connection.version() in {"TLSv1.2", "TLSv1.3"}
        connection.sendall(f"GET /ready HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
        answer = read_answer(connection)
    assert answer.status == 200
    assert answer.headers["strict-transport-security"] == "max-age=63072000"


def test_old_tls_is_not_spoken(nginx: RunningNginx) -> None:
    context = nginx.trust()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = context.minimum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", nginx.tls_port), timeout=10) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname=NAME)


def test_who_comes_without_tls_is_sent_to_it(nginx: RunningNginx) -> None:
    answer = httpx.get(f"http://127.0.0.1:{nginx.redirecting_port}/docs/?a=b", trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (308, f"https://{NAME}/docs/?a=b")


def test_200_slow_clients_stop_nobody(nginx: RunningNginx, http: httpx.Client, gateway: Gateway) -> None:
    with unharmed_by("200 slow clients behind nginx", gateway), ExitStack() as stack:
        heads = [stack.enter_context(connect(nginx, source="127.0.0.2")) for _ in range(100)]
        bodies = [stack.enter_context(connect(nginx, source="127.0.0.2")) for _ in range(100)]
        began_s = time.monotonic()
        for begun, group in ((SLOW_HEAD, heads), (SLOW_BODY, bodies)):
            for connection in group:
                connection.sendall(begun)
        while time.monotonic() - began_s < HEAD_S - 1:
            for connection in heads:
                connection.sendall(b"x")
            with at_once():
                assert upload(http, fresh()).status_code == 202
            time.sleep(0.5)
        for connection in heads:
            connection.settimeout(max(0.01, began_s + HEAD_S + 2 - time.monotonic()))
            assert connection.recv(1000) == b""
        with connect(nginx, source="127.0.0.2") as one_more:
            one_more.sendall(SLOW_HEAD + b"\r\n\r\n")
            answer = read_answer(one_more)
        assert (answer.status, answer.json()["code"]) == (429, "rate_limited")
        assert answer.headers["retry-after"] == "5"


def test_without_a_gateway_the_answer_says_when_to_come_again(
    nginx: RunningNginx, http: httpx.Client, gateway: Gateway
) -> None:
    gateway.kill()
    try:
        answer = http.get("/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unavailable")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "5"
    finally:
        gateway.start()
    assert upload(http, fresh()).status_code == 202
