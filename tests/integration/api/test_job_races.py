"""Many callers who want different things of one job at once: one wins, nobody sees a server error."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.api.event_source import read_events
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh

pytestmark = pytest.mark.usefixtures("unharmed")

AT_ONCE = 50


def ask_all(gateway: Gateway, job_id: str, *actions: str) -> list[tuple[str, int, str]]:
    """Each of the actions in turn until there are fifty, all at once: (action, status, what is said)."""

    def ask(action: str) -> tuple[str, int, str]:
        answer = gateway.http.post(f"/jobs/{job_id}/{action}")
        document = answer.json()
        return action, answer.status_code, str(document.get("status" if answer.is_success else "code"))

    with ThreadPoolExecutor(25) as clients:
        return list(clients.map(ask, (actions * AT_ONCE)[:AT_ONCE]))


def test_fifty_retries_make_one_submission(gateway: Gateway) -> None:
    job_id = gateway.accepted_job(fresh())
    gateway.http.post(f"/jobs/{job_id}/cancel")
    assert set(ask_all(gateway, job_id, "retry")) == {("retry", 200, "submitted")}
    gateway.http.post(f"/jobs/{job_id}/cancel")
    assert outcomes(gateway, job_id) == ["submitted", "cancelled", "submitted", "cancelled"]


def test_cancels_and_retries_at_once_take_turns(gateway: Gateway) -> None:
    job_id = gateway.accepted_job(fresh())
    before = cancelled(gateway)
    answers = ask_all(gateway, job_id, "cancel", "retry")
    assert set(answers) <= {("cancel", 200, "cancelled"), ("retry", 200, "submitted")}
    gateway.http.post(f"/jobs/{job_id}/cancel")
    seen = outcomes(gateway, job_id)
    assert seen == ["submitted", "cancelled"] * (len(seen) // 2), "no event twice, none out of turn"
    assert cancelled(gateway) == before + 1
    assert gateway.status(job_id)["status"] == "cancelled"


def test_cancels_race_a_worker_and_one_of_them_ends_the_job(working_house: Gateway) -> None:
    for _ in range(3):
        job_id = working_house.accepted_job(fresh())
        answers = ask_all(working_house, job_id, "cancel")
        end = working_house.ended(job_id)["status"]
        said = Counter((status, text) for _, status, text in answers)
        allowed = {(200, "cancelled")} if end == "cancelled" else {(409, "illegal_transition")}
        assert set(said) == allowed, (end, said)
        assert outcomes(working_house, job_id).count(end) == 1


def outcomes(gateway: Gateway, job_id: str) -> list[str]:
    return [event["outcome"] for event in read_events(gateway, job_id) if event["stage"] == "job"]


def cancelled(gateway: Gateway) -> int:
    return int(gateway.http.get("/stats").json()["jobs"]["cancelled"])
