"""When as many jobs wait as may, or one waits too long, no more are taken until there is room again."""

from collections.abc import Sequence

import httpx
import pytest

from tests.integration.api.conftest import StartGateway
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh
from tests.waiting import wait_until


@pytest.mark.parametrize("path", ["/upload", "/batch-upload", "redo", "retry"])
def test_a_full_house_refuses_until_there_is_room(start_gateway: StartGateway, path: str) -> None:
    gateway = start_gateway(MAX_QUEUE_SIZE="3")
    cancelled = [gateway.accepted_job(fresh()) for _ in range(3)]
    cancel(gateway, cancelled)
    waiting = [gateway.accepted_job(fresh()) for _ in range(3)]

    def send() -> httpx.Response:
        if path == "retry":
            return gateway.http.post(f"/jobs/{cancelled[0]}/retry")
        if path == "redo":
            return gateway.http.post(f"/images/{cancelled[0]}/redo", json={})
        field = "files" if path == "/batch-upload" else "file"
        return gateway.http.post(path, files={field: ("a.jpg", fresh())})

    # The count may be a second old.
    wait_until(lambda: send().status_code == 503, timeout_s=10, what="a refusal", poll_s=0.2)
    held = gateway.stored()
    assert_refused(send(), "MAX_QUEUE_SIZE")
    assert gateway.stored() == held
    assert gateway.http.get("/ready").status_code == 200, "who waits must still hear where a job stands"
    wrong = gateway.http.get("/health").json()["parts"]["queue"]
    assert (wrong["status"], wrong["code"]) == ("wrong", "queue_full")

    cancel(gateway, [*waiting, *_waiting(gateway)])
    wait_until(lambda: send().status_code < 300, timeout_s=10, what="room again", poll_s=0.2)


def test_one_that_waits_too_long_closes_the_house(start_gateway: StartGateway) -> None:
    gateway = start_gateway(MAX_QUEUE_AGE_S="1")
    job_id = gateway.accepted_job(fresh())
    answer = wait_until(lambda: _refusal(gateway), timeout_s=10, what="a refusal", poll_s=0.2)
    assert_refused(answer, "MAX_QUEUE_AGE_S")
    cancel(gateway, [job_id, *_waiting(gateway)])
    wait_until(lambda: _refusal(gateway) is None, timeout_s=10, what="room again", poll_s=0.2)


def test_a_standstill_is_told(start_gateway: StartGateway) -> None:
    """Nobody works here. After ten seconds of watching that is known."""
    gateway = start_gateway(MAX_QUEUE_SIZE="1")
    gateway.accepted_job(fresh())

    def look() -> httpx.Response | None:
        answer = gateway.upload(fresh())
        return answer if "no worker seems to be at work" in answer.text else None

    answer = wait_until(look, timeout_s=30, what="that the standstill is seen", poll_s=0.5)
    assert_refused(answer, "MAX_QUEUE_SIZE")
    assert 60 <= answer.json()["retry_after"] <= 90


def test_a_batch_stops_where_the_house_is_full_and_goes_on_with_its_key(start_gateway: StartGateway) -> None:
    gateway = start_gateway(MAX_QUEUE_SIZE="3")
    files = [fresh() for _ in range(5)]

    def send(pictures: Sequence[bytes]) -> httpx.Response:
        parts = [("files", (f"{number}.jpg", data)) for number, data in enumerate(pictures)]
        return gateway.http.post("/batch-upload", files=parts, headers={"Idempotency-Key": "one batch"})

    first = send(files[:3])
    assert first.status_code == 202
    batch_id = first.json()["batch_id"]
    wait_until(lambda: _refusal(gateway), timeout_s=10, what="a full house", poll_s=0.2)
    taken = _waiting(gateway)

    refused = send(files)
    assert_refused(refused, "MAX_QUEUE_SIZE")
    assert refused.json()["batch_id"] == batch_id
    again = send(files[:3])
    assert (again.status_code, again.json()["accepted"]) == (202, first.json()["accepted"]), "needs no room"
    assert _waiting(gateway) == taken

    cancel(gateway, taken)
    answer = wait_until(lambda: _accepted(send(files)), timeout_s=10, what="room", poll_s=0.2)
    assert answer.json()["batch_id"] == batch_id
    assert len(answer.json()["accepted"]) == 5
    assert gateway.http.get(f"/batches/{batch_id}").json()["total"] == 5


def assert_refused(answer: httpx.Response, bound: str) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "queue_full")
    assert bound in problem["detail"]
    assert 1 <= problem["retry_after"] <= 600
    assert answer.headers["retry-after"] == str(problem["retry_after"])


def cancel(gateway: Gateway, job_ids: Sequence[str]) -> None:
    """Always possible, however full the house is."""
    for job_id in job_ids:
        assert gateway.http.post(f"/jobs/{job_id}/cancel").status_code == 200


def _waiting(gateway: Gateway) -> list[str]:
    return [row["id"] for row in gateway.select("SELECT id FROM jobs WHERE status = 'submitted' ORDER BY id")]


def _refusal(gateway: Gateway) -> httpx.Response | None:
    answer = gateway.upload(fresh())
    return answer if answer.status_code == 503 else None


def _accepted(answer: httpx.Response) -> httpx.Response | None:
    return answer if answer.status_code == 202 else None
