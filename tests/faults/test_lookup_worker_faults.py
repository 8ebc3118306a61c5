"""The lookups worker killed, asked to end, and without its Redis, while pictures are looked up."""

import json
import signal
from typing import Any

import pytest

from tests.faults.cells import SQLITE, Seen, cell
from tests.faults.lookup_house import ASKED, LIMITS, LookupHouse
from tests.stubs.desks import Trouble
from tests.waiting import wait_until

ONLY_SQLITE = (SQLITE,)


def cost_of(house: LookupHouse, job_id: str, stage: str) -> dict[str, Any]:
    """As the last event of the stage has it."""
    payload = [event["payload"] for event in house.events(job_id) if event["stage"] == stage][-1]
    cost: dict[str, Any] = json.loads(payload)["cost"]
    return cost


def the_lookup(house: LookupHouse, image_id: str) -> dict[str, Any]:
    rows = house.rig.select("SELECT * FROM jobs WHERE kind = 'lookup' AND image_id = :id", id=image_id)
    [row] = rows
    return row


def ended(house: LookupHouse, image_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        row = the_lookup(house, image_id)
        return row if row["status"] not in {"submitted", "processing"} else None

    return house.rig.until(look, what="the end of the lookup")


def wait_for_calls(house: LookupHouse, *names: str) -> None:
    desks = house.stubs.desks
    wait_until(lambda: all(desks[name].calls for name in names), timeout_s=20, what=f"{names} being asked")


@pytest.mark.timeout(240)
@cell(
    "F63",
    fault="lookups worker killed −9 between two vendors",
    promised="what was answered is not paid again; the lookup completes, at no attempt's cost",
    houses=ONLY_SQLITE,
    dozen=True,
)
def test_killed_between_two_vendors(house: LookupHouse, seen: Seen) -> None:
    desks = house.stubs.desks
    slow = [desks[name] for name in ("azure_vision", "vision_model", "ebay_image")]
    for desk in slow:
        desk.latency_s = 0.7
    house.rig.restart("lookups", failpoints="stage_spoke[google_vision]:kill9@1")
    life = len(house.rig.members["lookups"].ends)
    image_id = house.clients.upload(lookups="true")
    assert house.rig.members["lookups"].wait_for_end(life) == -signal.SIGKILL
    for desk in slow:
        desk.latency_s = 0.0
    row = ended(house, image_id)
    assert (row["status"], row["attempts"], row["fence"], row["suspect"]) == ("completed", 0, 2, 0)
    assert desks["google_vision"].paid == 1, "answered, and kept before anybody heard"
    assert cost_of(house, row["id"], "google_vision") == {"calls": 0, "cached": 1, "usd": 0}
    told = house.outcomes(row["id"])
    assert {told[name] for name in ASKED} == {"produced"}
    seen.saw("completed at the second start; the vendor that had answered was asked once")


@pytest.mark.timeout(240)
@cell(
    "F64",
    fault="Redis emptied while vendors are being asked",
    promised="the lookup completes once, its events without a gap, nothing waits in RQ",
    houses=ONLY_SQLITE,
)
def test_redis_is_emptied_in_mid_lookup(house: LookupHouse, seen: Seen) -> None:
    desks = house.stubs.desks
    desks["vision_model"].latency_s = 0.7
    image_id = house.clients.upload(lookups="true")
    wait_for_calls(house, "vision_model", "google_vision")
    house.rig.redis_client.flushall()
    row = ended(house, image_id)
    assert (row["status"], row["attempts"], row["fence"]) == ("completed", 0, 1)
    numbers = [event["seq"] for event in house.events(row["id"])]
    assert numbers == list(range(1, row["event_seq"] + 1))
    assert desks["vision_model"].wrong == []
    assert list(house.rig.redis_client.scan_iter("rq:queue:lookups*")) == []
    seen.saw(f"completed at the first start with {len(numbers)} events")


@pytest.mark.timeout(240)
@cell(
    "F65",
    fault="SIGTERM to the lookups worker while one vendor is slow and one hangs for ever",
    promised="it ends in order; what can end does, the rest begins again elsewhere, nothing held against it",
    houses=ONLY_SQLITE,
    dozen=True,
)
def test_asked_to_end(house: LookupHouse, seen: Seen) -> None:
    desks, worker = house.stubs.desks, house.rig.members["lookups"]
    house.rig.restart("lookups", JOB_TIMEOUT_S="2", LOOKUP_LIMITS=f"{LIMITS},ebay_image.timeout_s=60")
    desks["google_vision"].latency_s = 0.5
    first = house.clients.upload(lookups="true")
    wait_for_calls(house, "google_vision", "ebay_image")
    desks["ebay_image"].behave(Trouble.HANGS)
    second = house.clients.upload(lookups="true")
    wait_until(lambda: desks["ebay_image"].calls >= 2, timeout_s=20, what="the one that hangs")
    house.rig.hands_off.add("lookups")
    assert worker.terminate() == 0
    assert ended(house, first)["fence"] == 1
    left = the_lookup(house, second)
    assert (left["status"], left["attempts"], left["deliveries"]) == ("submitted", 0, 0)
    last = house.events(left["id"])[-1]
    assert json.loads(last["payload"]) == {"stopped": True, "attempts": 0}
    desks["ebay_image"].behave()
    house.rig.hands_off.discard("lookups")
    row = ended(house, second)
    assert (row["status"], row["attempts"], row["fence"]) == ("completed", 0, 2)
    seen.saw("one of two ended in its hands; the other completed at its second start")
