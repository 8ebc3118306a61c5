"""Cancelling and retrying jobs that nobody works on."""

from concurrent.futures import ThreadPoolExecutor

from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh


def outcomes(gateway: Gateway, job_id: str) -> list[str]:
    lines = gateway.http.get(f"/jobs/{job_id}/events").text.splitlines()
    return [line.split('"outcome": "')[1].split('"')[0] for line in lines if line.startswith("data: ")]


def test_a_waiting_job_is_cancelled(gateway: Gateway) -> None:
    job_id = gateway.accepted_job(fresh())
    answer = gateway.http.post(f"/jobs/{job_id}/cancel")
    assert answer.status_code == 200
    state = answer.json()
    assert (state["job_id"], state["status"]) == (job_id, "cancelled")
    assert isinstance(state["updated_at"], int)
    assert gateway.status(job_id)["status"] == "cancelled"
    assert outcomes(gateway, job_id) == ["submitted", "cancelled"]


def test_many_cancels_at_once_make_one_end(gateway: Gateway) -> None:
    job_id = gateway.accepted_job(fresh())
    cancelled = gateway.http.get("/stats").json()["jobs"]["cancelled"]
    with ThreadPoolExecutor(25) as clients:
        answers = list(clients.map(lambda _: gateway.http.post(f"/jobs/{job_id}/cancel"), range(50)))
    assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {(200, "cancelled")}
    assert len({answer.json()["updated_at"] for answer in answers}) == 1
    assert outcomes(gateway, job_id) == ["submitted", "cancelled"]
    assert gateway.http.get("/stats").json()["jobs"]["cancelled"] == cancelled + 1


def test_a_cancelled_job_is_submitted_again(gateway: Gateway) -> None:
    job_id = gateway.accepted_job(fresh())
    gateway.http.post(f"/jobs/{job_id}/cancel")
    answer = gateway.http.post(f"/jobs/{job_id}/retry")
    assert (answer.status_code, answer.json()["status"]) == (200, "submitted")
    assert gateway.status(job_id)["status"] == "submitted"
    gateway.http.post(f"/jobs/{job_id}/cancel")
    assert outcomes(gateway, job_id) == ["submitted", "cancelled", "submitted", "cancelled"]


def test_retry_of_a_waiting_job_leaves_it(gateway: Gateway) -> None:
    job_id = gateway.accepted_job(fresh())
    answer = gateway.http.post(f"/jobs/{job_id}/retry")
    assert (answer.status_code, answer.json()["status"]) == (200, "submitted")
    gateway.http.post(f"/jobs/{job_id}/cancel")
    assert outcomes(gateway, job_id) == ["submitted", "cancelled"]


def test_the_processed_picture_of_a_waiting_job_is_not_ready(gateway: Gateway) -> None:
    job_id = gateway.accepted_job(fresh())
    for copy in ("processed", "thumbnail"):
        answer = gateway.http.get(f"/images/{job_id}/{copy}")
        assert (answer.status_code, answer.json()["code"]) == (404, "result_not_ready")


def test_the_numbers_add_up(gateway: Gateway) -> None:
    gateway.http.post(f"/jobs/{gateway.accepted_job(fresh())}/cancel")
    gateway.accepted_job(fresh(), priority="bulk")
    jobs = gateway.http.get("/stats").json()["jobs"]
    states = ("submitted", "processing", "completed", "failed", "cancelled")
    assert sum(jobs[state] for state in states) == gateway.rows()[1]
    queues = gateway.http.get("/queue-status").json()
    assert set(queues) == {"waiting", "processing", "lookups"}
    assert set(queues["waiting"]) == {"interactive", "bulk"}
    assert sum(lane["jobs"] for lane in queues["waiting"].values()) == jobs["submitted"]
    assert queues["processing"] == jobs["processing"]
    assert all(lane["oldest_age"] >= 0 for lane in queues["waiting"].values())
