"""One house that works, fails, dies in the middle of a picture and goes on: what its processes count."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.counted import NumbersPage
from tests.e2e.house import House
from tests.fixtures.paths import find_ports_in_a_row
from tests.integration.api.hostile_pictures import UNDECODABLE
from tests.waiting import wait_until

FAMILIES = 6
LEASE_S = 2.0
SETTINGS = {
    "JOB_LEASE_S": f"{LEASE_S:g}",
    "RECONCILE_INTERVAL_S": "0.3",
    # With the fifth picture in its hands; its successor is not asked for so many.
    "FAILPOINTS": "after_claim:kill9@5",
}
# Of faces and of vehicles: each picture meets both.
MODELS = 2
VEILED = ("veil", "encode", "store", "embed")
EVERY_TRY = ("queue", "fetch", "decode", "record")
EVERY_STEP = ("infer", *VEILED, *EVERY_TRY)


class Pages:
    """What the processes of a house show, by family."""

    def __init__(self, data_dir: Path) -> None:
        targets = json.loads((data_dir / "metrics" / "targets.json").read_text())
        self._ports = {one["labels"]["process"]: int(one["targets"][0].rpartition(":")[2]) for one in targets}

    def of(self, family: str) -> NumbersPage:
        return NumbersPage(self._ports[family])

    def once(self, family: str, holds: Callable[[NumbersPage], bool], what: str) -> NumbersPage:
        """Numbers are counted just after what they count is there for all to see."""

        def look() -> NumbersPage | None:
            with suppress(httpx.TransportError):
                page = self.of(family)
                return page if holds(page) else None
            return None

        return wait_until(look, timeout_s=30, what=what, poll_s=0.05)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "data", METRICS_PORT=str(find_ports_in_a_row(FAMILIES)), **SETTINGS)
    try:
        house.wait_for_banner()
        yield house
    finally:
        house.close()


def ended(page: NumbersPage, status: str) -> float:
    return page("veilgate_job_seconds_count", kind="veil", status=status)


def steps(page: NumbersPage) -> dict[str, float]:
    return {step: page("veilgate_stage_seconds_count", stage=step) for step in EVERY_STEP}


@pytest.mark.timeout(300)
def test_every_process_counts_what_it_does(house: House, tmp_path: Path, astronaut_jpeg: bytes) -> None:
    pages = Pages(tmp_path / "data")
    born = pages.of("images")
    assert steps(born) == dict.fromkeys(EVERY_STEP, 0), "what is to come is shown before it comes"
    for _ in range(3):
        assert house.process_picture(astronaut_jpeg)["status"] == "completed"
    broken = UNDECODABLE["jpeg of half its pixels"]()
    assert house.process_picture(broken)["status"] == "failed"
    four = pages.once("images", lambda page: ended(page, "failed") == 1, "four ends")
    check_three_and_a_failure(four)
    busy_s = four("veilgate_device_busy_seconds_total", device="cpu")
    assert 0 < house.http.get("/stats").json()["cost"]["device_seconds"] <= busy_s + 0.01, "each is rounded"
    answer = house.http.post("/search", files={"file": ("a.jpg", astronaut_jpeg, "image/jpeg")})
    assert answer.status_code == httpx.codes.OK, answer.text
    check_search(pages.once("search", lambda page: page("index_size_total") == 3, "three in the index"))

    assert house.process_picture(astronaut_jpeg)["status"] == "completed"
    check_successor(pages.once("images", lambda page: ended(page, "completed") == 1, "the one that was left"))
    reconciler = pages.of("reconciler")
    assert reconciler("veilgate_jobs_put_right_total", what="lease_expired") == 1
    assert reconciler("veilgate_reconciler_rounds_total") > 1
    pages.once(
        "gateway",
        lambda page: page("veilgate_jobs_ended_total", kind="veil", status="completed") == 4,
        "what the database says of all workers",
    )


def check_three_and_a_failure(page: NumbersPage) -> None:
    assert steps(page) == {"infer": 3 * MODELS, **dict.fromkeys(VEILED, 3), **dict.fromkeys(EVERY_TRY, 4)}
    assert ended(page, "completed") == 3
    assert page("veilgate_job_failures_total", kind="veil", code="undecodable", retried="false") == 1
    assert page("veilgate_results_discarded_total", kind="veil") == 0
    assert page("veilgate_jobs_in_hand", family="images") == 0
    for stage in ("find_faces", "find_vehicles", "embed_picture"):
        assert page("veilgate_chunk_pictures_sum", stage=stage) == 3
        released = page.all_of("veilgate_chunks_released_total")
        assert sum(chunks for labels, chunks in released.items() if ("stage", stage) in labels) == 3
    assert page("veilgate_detections_total", label="face") == 3
    assert page("veilgate_detection_confidence_count", kind="faces") == 3
    assert page("embedding_requests_total", purpose="image", outcome="made") == 1
    assert page("embedding_requests_total", purpose="image", outcome="known") == 2, "of the same pixels"
    infer_s = page("veilgate_stage_seconds_sum", stage="infer")
    assert 0 < page("veilgate_device_busy_seconds_total", device="cpu") < infer_s + 2, "and a blank at start"
    whole_s = sum(
        page("veilgate_job_seconds_sum", kind="veil", status=one) for one in ("completed", "failed")
    )
    # One after the other, but for embedding, beside which copies are stored, and for the two models.
    in_turn = set(EVERY_STEP) - {"embed", "infer"}
    steps_s = sum(page("veilgate_stage_seconds_sum", stage=step) for step in in_turn)
    assert whole_s > steps_s - 0.01
    assert page("veilgate_children_cpu_seconds_total") > 0
    assert page("veilgate_children_memory_bytes") > 0
    assert 0 < page("veilgate_memory_used_bytes") < page("veilgate_memory_limit_bytes")


def check_search(page: NumbersPage) -> None:
    for kind in ("search", "embed"):
        assert page("veilgate_searches_total", kind=kind, outcome="answered") == 1
        assert page("veilgate_search_seconds_count", kind=kind) == 1
    assert page("embedding_requests_total", purpose="query", outcome="made") == 1
    assert page("veilgate_index_lag_entries") == 0


def check_successor(page: NumbersPage) -> None:
    """Of one picture, which waited from when it was accepted, also while it was in dead hands."""
    assert steps(page) == dict.fromkeys(EVERY_STEP, 1) | {"infer": MODELS}
    assert page("veilgate_job_seconds_sum", kind="veil", status="completed") > LEASE_S
    assert page("veilgate_results_discarded_total", kind="veil") == 0
    assert page("embedding_requests_total", purpose="image", outcome="known") == 1
    assert set(page.all_of("veilgate_job_failures_total").values()) == {0}
