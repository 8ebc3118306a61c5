"""What happened to a job, as it happens: numbered, resumable, and the same for everybody."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.api.conftest import StartGateway
from tests.integration.api.event_source import event_stream, read_events
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh
from tests.waiting import wait_until
from veilgate.persistence.records import NewEvent


@pytest.fixture(scope="module")
def done(working_house: Gateway) -> str:
    """A completed job."""
    job_id = working_house.accepted_job(fresh())
    assert working_house.ended(job_id)["status"] == "completed"
    return job_id


@pytest.fixture
def waiting(gateway: Gateway) -> str:
    """A job that nobody works on."""
    return gateway.accepted_job(fresh())


def test_the_events_of_a_job_tell_each_stage(working_house: Gateway, done: str) -> None:
    events = read_events(working_house, done)
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert [event["seq"] for event in events] == [event["id"] for event in events]
    assert {event["job_id"] for event in events} == {done}
    assert set(events[0]) == {
        "id", "job_id", "seq", "attempt", "stage", "outcome", "ms", "model", "at", "data"
    }  # fmt: skip
    assert (events[0]["stage"], events[0]["outcome"]) == ("job", "submitted")
    assert (events[-1]["stage"], events[-1]["outcome"]) == ("job", "completed")
    times = [event["at"] for event in events]
    assert times == sorted(times)


def test_each_id_resumes_to_exactly_the_rest(working_house: Gateway, done: str) -> None:
    events = read_events(working_house, done)
    for seen in range(len(events)):
        assert read_events(working_house, done, str(seen)) == events[seen:]


def test_after_the_last_there_is_nothing_to_come_back_for(working_house: Gateway, done: str) -> None:
    last = str(len(read_events(working_house, done)))
    answer = working_house.http.get(f"/jobs/{done}/events", headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    "last_event_id", ["", "-1", "x", "1.5", "1" + "0" * 20, "9" * 5000, "999", "²", "1 OR 1=1"]
)
def test_an_id_that_cannot_be_ours_gives_all(working_house: Gateway, done: str, last_event_id: str) -> None:
    headers = {b"Last-Event-ID": last_event_id.encode("latin-1")}
    answer = working_house.http.get(f"/jobs/{done}/events", headers=headers)
    assert answer.status_code == 200
    assert answer.text.startswith("id: 1\n")


@pytest.mark.parametrize("after", ["-1", "1" + "0" * 20, "x"])
def test_a_place_that_is_none_is_refused(working_house: Gateway, done: str, after: str) -> None:
    answer = working_house.http.get(f"/jobs/{done}/events", params={"after": after})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")


def test_the_place_may_be_in_the_address(working_house: Gateway, done: str) -> None:
    answer = working_house.http.get(f"/jobs/{done}/events", params={"after": 2})
    assert answer.text.startswith("id: 3\n")


def test_the_stream_cannot_be_cached_or_held_back(gateway: Gateway, waiting: str) -> None:
    with event_stream(gateway, waiting) as (response, _):
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"


def test_a_watcher_hears_of_the_end_at_once(gateway: Gateway, waiting: str) -> None:
    with event_stream(gateway, waiting) as (_, events):
        assert next(events)["outcome"] == "submitted"
        began_s = time.monotonic()
        gateway.http.post(f"/jobs/{waiting}/cancel")
        assert next(events)["outcome"] == "cancelled"
        assert next(events, None) is None
        assert time.monotonic() - began_s < 1


@pytest.mark.one_house
def test_news_that_redis_does_not_tell_come_all_the_same(gateway: Gateway, waiting: str) -> None:
    """Within 2 s, of which a laden machine may make three."""
    with event_stream(gateway, waiting) as (_, events):
        assert next(events)["outcome"] == "submitted"
        with gateway.database.write() as transaction:
            claimed = transaction.claims.claim(waiting, worker="hand", lease_ms=120_000, alone=False)
            assert claimed
            assert transaction.events.append_fenced(
                waiting, claimed.fence, NewEvent("x", "produced", "{}", 1)
            )
        told_s = time.monotonic()
        while next(events)["stage"] != "x":
            pass
        assert time.monotonic() - told_s < 3


def test_a_watcher_goes_on_at_a_restarted_gateway(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    job_id = gateway.accepted_job(fresh())
    with event_stream(gateway, job_id) as (_, events):
        assert next(events)["id"] == 1
    gateway.restart()
    gateway.http.post(f"/jobs/{job_id}/cancel")
    assert [event["outcome"] for event in read_events(gateway, job_id, "1")] == ["cancelled"]


def test_a_gateway_that_is_asked_to_stop_sends_its_watchers_home(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    job_id = gateway.accepted_job(fresh())
    with ThreadPoolExecutor(1) as clients, event_stream(gateway, job_id) as (_, events):
        assert next(events)["id"] == 1
        poll = clients.submit(gateway.status, job_id, wait=50)
        wait_until(lambda: connections_of(gateway) >= 2, timeout_s=5, what="a long poll")
        gateway.process.terminate()
        assert poll.result(timeout=5)["status"] == "submitted"
        assert next(events, None) is None
        gateway.process.wait(timeout=5)
    assert "Traceback" not in gateway.log


def connections_of(gateway: Gateway) -> int:
    """How many callers the gateway has, as the kernel sees it."""
    established, local = "01", f":{gateway.port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(local) and row[3] == established for row in rows)


def test_a_long_poll_ends_with_the_job_and_not_before(gateway: Gateway, waiting: str) -> None:
    answered: list[tuple[float, str]] = []

    def poll() -> None:
        status = gateway.status(waiting, wait=20)["status"]
        answered.append((time.monotonic(), status))

    poller = threading.Thread(target=poll)
    poller.start()
    assert gateway.status(waiting, wait=0.5)["status"] == "submitted"
    assert answered == []
    cancelled_s = time.monotonic()
    gateway.http.post(f"/jobs/{waiting}/cancel")
    poller.join(timeout=5)
    (answered_s, status) = answered[0]
    assert status == "cancelled"
    assert answered_s - cancelled_s < 1


def test_a_long_poll_ends_when_its_time_is_up(gateway: Gateway, waiting: str) -> None:
    began_s = time.monotonic()
    assert gateway.status(waiting, wait=0.3)["status"] == "submitted"
    assert 0.3 <= time.monotonic() - began_s < 1


def test_a_long_poll_hears_of_a_worker_within_a_second(working_house: Gateway) -> None:
    job_id = working_house.accepted_job(fresh())
    assert working_house.status(job_id, wait=20)["status"] == "completed"
    heard_s = time.time()
    finished_s = read_events(working_house, job_id)[-1]["at"]
    assert heard_s - finished_s < 1
