"""/stats, /queue-status and what Prometheus is told say the same of one house."""

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.hostile_pictures import UNDECODABLE
from tests.integration.api.samples import fresh
from tests.metrics_page import Numbers, numbers_on
from tests.waiting import wait_until

KINDS = {"veil": "jobs", "lookup": "lookups"}
ENDS = ("completed", "failed", "cancelled")


def from_answers(house: Gateway) -> Numbers:
    """What the page should show, from what callers are told; what was tried again is in no answer."""
    stats, queues = house.http.get("/stats").json(), house.http.get("/queue-status").json()
    totals = {row["name"]: row["value"] for row in house.select("SELECT name, value FROM totals")}
    expected: Numbers = {}
    for kind, key in KINDS.items():
        for status in ENDS:
            name = status if kind == "veil" else f"lookups_{status}"
            ever = stats[key][status] + totals.get(f"{name}_reopened", 0)
            expected[f'veilgate_jobs_ended_total{{kind="{kind}",status="{status}"}}'] = ever
        expected[f'veilgate_job_retries_total{{kind="{kind}"}}'] = stats[key]["retries"]
        expected[f'veilgate_dead_jobs{{kind="{kind}"}}'] = stats[key]["failed"]
    for family, lanes in {"images": queues, "lookups": queues["lookups"]}.items():
        for lane, told in lanes["waiting"].items():
            expected[f'veilgate_queue_waiting{{family="{family}",lane="{lane}"}}'] = told["jobs"]
        expected[f'veilgate_queue_processing{{family="{family}"}}'] = lanes["processing"]
    expected["veilgate_faces_veiled_total"] = stats["faces_veiled"]
    return expected


def test_after_a_run_all_say_the_same(working_house: Gateway) -> None:
    before = numbers_on(working_house.metrics_port)
    ended = [working_house.ended(working_house.accepted_job(fresh())) for _ in range(2)]
    failed = working_house.ended(working_house.accepted_job(fresh(UNDECODABLE["jpeg of half its pixels"]())))
    assert [job["status"] for job in (*ended, failed)] == ["completed", "completed", "failed"]

    def shown() -> Numbers | None:
        page, expected = numbers_on(working_house.metrics_port), from_answers(working_house)
        return page if {series: page.get(series) for series in expected} == expected else None

    # Looked up every two seconds.
    page = wait_until(shown, timeout_s=15, what="the same numbers", poll_s=0.2)
    grown = {status: f'veilgate_jobs_ended_total{{kind="veil",status="{status}"}}' for status in ENDS}
    assert page[grown["completed"]] == before[grown["completed"]] + 2
    assert page[grown["failed"]] == before[grown["failed"]] + 1
    assert page['veilgate_workers_present{family="images"}'] == 1
    assert page['veilgate_part_ok{part="images_worker"}'] == 1


@pytest.mark.one_house
def test_the_gateways_own_port_has_no_numbers(gateway: Gateway) -> None:
    answer = gateway.http.get("/metrics")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
