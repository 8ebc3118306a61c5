"""When as many jobs wait as may, more are refused, and taken again when there is room."""

import httpx
import pytest

from tests.integration.api.conftest import StartGateway
from tests.integration.api.samples import GOOD
from tests.waiting import wait_until


@pytest.mark.parametrize("path", ["/upload", "/batch-upload", "redo"])
def test_a_full_house_refuses_until_there_is_room(start_gateway: StartGateway, path: str) -> None:
    gateway = start_gateway(MAX_QUEUE_SIZE="3")
    jobs = [gateway.accepted_job(GOOD) for _ in range(3)]

    def send() -> httpx.Response:
        field = "files" if path == "/batch-upload" else "file"
        if path == "redo":
            answer = gateway.http.post(f"/images/{jobs[0]}/redo", json={})
        else:
            answer = gateway.http.post(path, files={field: ("a.jpg", GOOD)})
        if answer.status_code == httpx.codes.ACCEPTED:
            taken = answer.json()
            jobs.extend(one["job_id"] for one in taken.get("accepted", [taken]))
        return answer

    # The count may be a second old.
    wait_until(lambda: send().status_code == 503, timeout_s=10, what="a refusal", poll_s=0.2)
    held = gateway.stored()
    refused = send()
    assert (refused.status_code, refused.json()["code"]) == (503, "queue_full")
    assert int(refused.headers["retry-after"]) > 0
    assert gateway.stored() == held

    for job_id in jobs:
        gateway.http.post(f"/jobs/{job_id}/cancel")
    wait_until(lambda: send().status_code == 202, timeout_s=10, what="room again", poll_s=0.2)
