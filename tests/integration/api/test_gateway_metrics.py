"""What the gateway counts of what it is asked, on the port that shows it."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.raw_http import connect, file_part, post_head, read_answer
from tests.integration.api.samples import BAD_PICTURES, fresh
from tests.metrics_page import Growth, numbers_on
from tests.waiting import wait_until

NOBODY = "0190a0a0-0000-7000-8000-000000000000"
one_house = pytest.mark.one_house


@pytest.fixture
def answers(gateway: Gateway) -> Growth:
    return Growth(gateway.metrics_port, "veilgate_http_requests_total")


@pytest.fixture
def uploads(gateway: Gateway) -> Growth:
    return Growth(gateway.metrics_port, "veilgate_upload")


@pytest.fixture
def waiting_job(gateway: Gateway) -> Iterator[str]:
    job_id = gateway.accepted_job(fresh())
    yield job_id
    gateway.http.post(f"/jobs/{job_id}/cancel")


def answered(method: str, route: str, status: str) -> str:
    return f'{{method="{method}",route="{route}",status="{status}"}}'


@one_house
def test_answers_are_counted_by_route_and_never_by_address(gateway: Gateway, answers: Growth) -> None:
    for known in (f"/status/{NOBODY}", "/status/none", "/stats"):
        gateway.http.get(known)
    for unknown in ("/no/such/thing", f"/x{NOBODY}", "/metrics"):
        assert gateway.http.get(unknown).status_code == httpx.codes.NOT_FOUND
    gateway.http.put("/stats")
    gateway.http.request("TRACE", "/stats")
    assert answers.since() == {
        answered("GET", "/status/{job_id}", "4xx"): 2,
        answered("GET", "/stats", "2xx"): 1,
        answered("GET", "unknown", "4xx"): 3,
        answered("PUT", "/stats", "4xx"): 1,
        answered("other", "/stats", "4xx"): 1,
    }


@one_house
def test_each_route_is_there_before_it_is_asked(gateway: Gateway) -> None:
    """A series that begins with 1 hides its first event from `increase`."""
    found = numbers_on(gateway.metrics_port)
    for status in ("2xx", "4xx", "5xx"):
        assert f"veilgate_http_requests_total{answered('POST', '/jobs/{job_id}/cancel', status)}" in found
    for outcome in ("accepted", "known", "refused"):
        assert f'veilgate_uploads_total{{outcome="{outcome}"}}' in found


@one_house
def test_what_is_no_http_is_counted(gateway: Gateway, answers: Growth) -> None:
    with connect(gateway) as connection:
        connection.sendall(b"VEIL /upload HTTP/1.1\r\n\r\n")
        assert read_answer(connection).status == 400
    assert answers.since() == {answered("other", "unknown", "4xx"): 1}


@one_house
def test_who_goes_away_while_sending_is_no_slow_answer(gateway: Gateway, answers: Growth) -> None:
    times = Growth(gateway.metrics_port, 'veilgate_http_request_seconds_count{route="/upload"}')
    with connect(gateway) as connection:
        connection.sendall(post_head("/upload", "Content-Length: 100000") + file_part(fresh()))
    assert wait_until(answers.since, timeout_s=10, what="the end of the request") == {
        answered("POST", "/upload", "4xx"): 1
    }
    assert times.since() == {}


def test_pictures_are_counted_by_their_fate(gateway: Gateway, uploads: Growth) -> None:
    sent, other = fresh(), fresh()
    for _ in range(2):
        gateway.upload(sent)
    assert uploads.since() == {
        's_total{outcome="accepted"}': 1,
        's_total{outcome="known"}': 1,
        "_bytes_total": len(sent),
    }
    key = {"Idempotency-Key": other.hex()[-8:]}
    for _ in range(2):
        gateway.http.post("/upload", files={"file": ("a.jpg", other)}, headers=key)
    gateway.upload(BAD_PICTURES["text"][0])
    gateway.upload(bytes(1_000_001))
    assert uploads.since() == {
        's_total{outcome="accepted"}': 1,
        's_total{outcome="known"}': 1,
        's_total{outcome="refused"}': 2,
        "_bytes_total": len(other),
    }


def test_each_file_of_a_batch_is_counted(gateway: Gateway, uploads: Growth) -> None:
    first, second = fresh(), fresh()
    sent = [first, second, first, BAD_PICTURES["text"][0], bytes(1_000_001)]
    headers = {"Idempotency-Key": first.hex()[-8:]}
    for _ in range(2):  # the second time goes on with what the first has made
        files = [("files", (f"{number}.jpg", content)) for number, content in enumerate(sent)]
        gateway.http.post("/batch-upload", files=files, headers=headers)
    assert uploads.since() == {
        's_total{outcome="accepted"}': 2,
        's_total{outcome="known"}': 1 + 3,
        's_total{outcome="refused"}': 2 * 2,
        "_bytes_total": len(first) + len(second),
    }


def test_what_comes_by_other_ways_is_counted_and_what_is_done_again_is_not(
    gateway: Gateway, uploads: Growth
) -> None:
    sent = fresh()
    with gateway.http.stream("POST", "/classify", files={"file": ("a.jpg", sent)}) as answer:
        accepted = json.loads(next(answer.iter_lines()))["data"]
    assert uploads.since() == {'s_total{outcome="accepted"}': 1, "_bytes_total": len(sent)}
    gateway.http.post(f"/images/{accepted['job_id']}/redo", json={})
    assert uploads.since() == {}
    gateway.http.post("/upload-url", json={"image_url": "http://127.0.0.1/a.jpg"})
    assert uploads.since() == {'s_total{outcome="refused"}': 1}


def test_a_direct_upload_is_counted_once_it_is_taken(gateway: Gateway, uploads: Growth) -> None:
    sent = fresh()
    body = {"filename": "a.jpg", "file_size": len(sent), "sha256": hashlib.sha256(sent).hexdigest()}
    announced = gateway.http.post("/uploads", json=body)
    if announced.status_code == httpx.codes.CONFLICT:  # objects are files here
        assert announced.json()["code"] == "direct_uploads_unavailable"
        assert uploads.since() == {}
        return
    place = announced.json()
    assert gateway.http.post(place["complete"]).status_code == httpx.codes.CONFLICT
    assert uploads.since() == {'s_total{outcome="refused"}': 1}
    httpx.put(place["url"], content=sent, headers=place["headers"], trust_env=False)
    for _ in range(2):
        gateway.http.post(place["complete"])
    assert uploads.since() == {
        's_total{outcome="accepted"}': 1,
        's_total{outcome="known"}': 1,
        "_bytes_total": len(sent),
    }


@one_house
def test_streams_are_counted_while_they_last(gateway: Gateway, waiting_job: str) -> None:
    open_now = 'veilgate_streams_open{kind="events"}'
    with gateway.http.stream("GET", f"/jobs/{waiting_job}/events") as answer:
        lines = answer.iter_lines()  # let go of, it would close the stream
        next(lines)
        assert numbers_on(gateway.metrics_port)[open_now] == 1
    wait_until(lambda: numbers_on(gateway.metrics_port)[open_now] == 0, timeout_s=10, what="no stream")


@one_house
def test_a_long_poll_is_a_stream_and_no_slow_answer(
    gateway: Gateway, answers: Growth, waiting_job: str
) -> None:
    times = Growth(gateway.metrics_port, 'veilgate_http_request_seconds_count{route="/status/{job_id}"}')
    open_now = 'veilgate_streams_open{kind="wait"}'
    with ThreadPoolExecutor(1) as caller:
        asked = caller.submit(gateway.status, waiting_job, wait=30)
        wait_until(lambda: numbers_on(gateway.metrics_port)[open_now] == 1, timeout_s=10, what="a long poll")
        gateway.http.post(f"/jobs/{waiting_job}/cancel")
        assert asked.result(timeout=30)["status"] == "cancelled"
    assert numbers_on(gateway.metrics_port)[open_now] == 0
    assert answers.since()[answered("GET", "/status/{job_id}", "2xx")] == 1
    assert times.since() == {}
