"""Vendors that push back, break, hang and answer too late, while pictures are looked up."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.cells import SQLITE, Seen, cell
from tests.faults.client import Clients
from tests.faults.rig import Rig, open_rig
from tests.stubs.desks import Trouble
from tests.stubs.serving import Stubs

ONLY_SQLITE = (SQLITE,)
# Without an address that the outside could fetch from, Lens is not asked.
ASKED = ("google_vision", "ebay_image", "azure_vision", "vision_model", "google_shopping", "ebay_search")
PAID = ("google_vision", "azure_vision", "vision_model", "google_shopping")
TIMEOUT_S = 1.0
LIMITS = ",".join(
    [
        *(f"{name}.timeout_s={TIMEOUT_S:g}" for name in ASKED),
        *(f"{name}.first_pause_s=0.05" for name in ASKED),
        *(f"{name}.per_second=1000" for name in ("google_vision", "azure_vision", "vision_model")),
        *(f"{name}.per_second=1000" for name in ("serpapi", "ebay")),
    ]
)


@dataclass
class LookupHouse:
    """A rig with a lookups worker, and the vendors that it asks."""

    rig: Rig
    clients: Clients
    stubs: Stubs
    _log_read: int = 0

    def forget(self) -> None:
        """What was answered, and which vendors the worker leaves alone for now."""
        for key in self.rig.redis_client.keys("veilgate:answers*"):
            self.rig.redis_client.delete(key)
        log = self.rig.log
        if "provider.resting" in log[self._log_read :]:
            self.rig.restart("lookups")
        self._log_read = len(log)

    def look_up(self, how_many: int = 1, *, timeout_s: float = 30.0) -> list[dict[str, Any]]:
        """The rows of as many lookups, once they have ended."""
        ids = self.clients.upload_many(how_many, lookups="true")
        return self.rig.until(lambda: self._ended(ids), what="the end of the lookups", timeout_s=timeout_s)

    def _ended(self, image_ids: Sequence[str]) -> list[dict[str, Any]] | None:
        rows = self.rig.select("SELECT * FROM jobs WHERE kind = 'lookup'")
        found = [row for row in rows if row["image_id"] in image_ids]
        ended = all(row["status"] not in {"submitted", "processing"} for row in found)
        return found if ended and len(found) == len(image_ids) else None

    def outcomes(self, job_id: str) -> dict[str, str]:
        """By stage: `produced`, or the code of its failure, or the reason why it was left out."""
        told: dict[str, str] = {}
        for event in self.events(job_id):
            payload = json.loads(event["payload"])
            failed = payload.get("error", {}).get("code")
            told[event["stage"]] = failed or payload.get("reason") or event["outcome"]
        return told

    def events(self, job_id: str) -> list[dict[str, Any]]:
        return self.rig.select(
            "SELECT * FROM stage_events WHERE job_id = :job_id ORDER BY seq", job_id=job_id
        )

    def paid(self) -> dict[str, int]:
        """How many questions each vendor charges for; none may be among them twice."""
        paid = {name: self._charged(name) for name in PAID}
        for name, questions in paid.items():
            assert len(set(questions)) == len(questions), f"{name} was paid twice for one question"
        return {name: len(questions) for name, questions in paid.items()}

    def _charged(self, name: str) -> list[tuple[bytes, str]]:
        received = self.stubs.desks[name].received
        return [(sent.body, str(sent.query)) for sent in received if sent.status == 200]

    def spent_micros(self) -> int:
        [row] = self.rig.select("SELECT coalesce(sum(cost_micros), 0) AS micros FROM lookup_spending")
        return int(row["micros"])


@pytest.fixture(scope="module")
def _lookup_house(house_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LookupHouse]:
    stubs = Stubs()
    with ExitStack() as stack:
        stack.callback(stubs.close)
        settings = {**stubs.settings(), "LOOKUP_LIMITS": LIMITS, "LOOKUP_TIMEOUT_S": "20"}
        rig = open_rig(house_name, tmp_path_factory.mktemp("lookups"), stack, lookups=True, **settings)
        yield LookupHouse(rig, Clients(rig.port), stubs)


@pytest.fixture
def house(_lookup_house: LookupHouse) -> LookupHouse:
    """Vendors are well again, and nobody knows what they did or said to others."""
    _lookup_house.stubs.forget()
    _lookup_house.forget()
    return _lookup_house


@pytest.mark.timeout(240)
@cell(
    "F48",
    fault="vendors: 429 with Retry-After, 500 twice, wrong JSON, a hang, and 2xx after our time-out",
    promised="Retry-After honoured, the lookup completes with what there is, nothing paid twice",
    houses=ONLY_SQLITE,
    dozen=True,
)
def test_everything_at_once(house: LookupHouse, seen: Seen) -> None:
    desks, before_micros = house.stubs.desks, house.spent_micros()
    desks["google_vision"].behave(Trouble.THROTTLED, times=1, retry_after="1")
    desks["azure_vision"].behave(Trouble.BROKEN, times=2)
    desks["vision_model"].behave(Trouble.GARBLED)
    desks["ebay_image"].behave(Trouble.HANGS)
    desks["google_shopping"].latency_s = 1.5 * TIMEOUT_S
    [row] = house.look_up()
    told = house.outcomes(row["id"])
    assert (row["status"], row["attempts"]) == ("completed", 0)
    assert {name: told[name] for name in ASKED} == {
        "google_vision": "produced",
        "azure_vision": "produced",
        "vision_model": "provider_broken",
        "ebay_image": "provider_down",
        "google_shopping": "provider_down",
        "ebay_search": "produced",
    }
    first, second = desks["google_vision"].received
    assert second.at_s - first.at_s >= 1.0
    assert [sent.status for sent in desks["azure_vision"].received] == [500, 500, 200]
    paid = house.paid()
    assert (paid["google_vision"], paid["azure_vision"], paid["google_shopping"]) == (1, 1, 1)
    # Vision's three features, Azure's two, a search that was answered too late, and each time the model.
    assert house.spent_micros() - before_micros == 6500 + 2000 + 15_000 + 6000 * paid["vision_model"]
    assert all(not desk.wrong for desk in desks.values())
    _only_the_veiled_copy_was_sent(house, row)
    waited_s = second.at_s - first.at_s
    seen.saw(f"asked again after {waited_s:.1f} s; 3 of 6 vendors answered; each paid once")


def _only_the_veiled_copy_was_sent(house: LookupHouse, row: dict[str, Any]) -> None:
    kept = house.rig.house
    keys = [key for key in kept.keys() if row["image_id"] in key]  # noqa: SIM118 - it is no dict
    [copy] = [kept.read(key) for key in keys if key.endswith("thumbnail-1024.jpg")]
    sent = [picture for pictures in house.stubs.pictures().values() for picture in pictures]
    assert sent
    assert set(sent) == {copy}


@pytest.mark.timeout(240)
@cell(
    "F48",
    fault="a vendor that answers 500 for ever, twelve pictures",
    promised="its circuit opens and it is left alone; every lookup completes without it",
    houses=ONLY_SQLITE,
)
def test_the_circuit_opens(house: LookupHouse, seen: Seen) -> None:
    broken = house.stubs.desks["azure_vision"]
    broken.behave(Trouble.BROKEN)
    rows = house.look_up(12)
    assert {row["status"] for row in rows} == {"completed"}
    told = [house.outcomes(row["id"])["azure_vision"] for row in rows]
    assert set(told) == {"provider_down", "provider_resting"}
    # Five in a row, and one that was on its way beside the fifth.
    assert broken.calls <= 6, "four that are unlike, three times each, would be twelve"
    assert broken.paid == 0
    seen.saw(f"{broken.calls} calls for 12 pictures, {told.count('provider_resting')} heard at once")


@pytest.mark.timeout(240)
@cell(
    "F48",
    fault="no key is taken any more",
    promised="the lookup fails and says so, without a second try; the picture stays as it is",
    houses=ONLY_SQLITE,
)
def test_no_key_is_taken(house: LookupHouse, seen: Seen) -> None:
    for name in (*ASKED, "ebay_token"):
        house.stubs.desks[name].behave(Trouble.KEY_REFUSED)
    [row] = house.look_up()
    assert (row["status"], row["error_code"], row["attempts"]) == ("failed", "nothing_answered", 1)
    told = house.outcomes(row["id"])
    assert {told[name] for name in ASKED} == {"provider_key_refused", "needs identify_product"}
    assert house.stubs.desks["google_vision"].calls == 1
    [image] = house.rig.select("SELECT status FROM jobs WHERE id = :id", id=row["image_id"])
    assert image["status"] == "completed"
    seen.saw("failed: nothing_answered after one call each")


@pytest.mark.timeout(240)
@cell(
    "F48",
    fault="every vendor answers 500 at first, and is well when asked again",
    promised="the lookup is tried again by itself and completes; nothing paid twice",
    houses=ONLY_SQLITE,
)
def test_all_are_away_for_a_while(house: LookupHouse, seen: Seen) -> None:
    desks = house.stubs.desks
    # All tries of the first attempt, by the table of policies; fewer than open a circuit.
    for name in ("google_vision", "azure_vision", "vision_model"):
        desks[name].behave(Trouble.BROKEN, times=3)
    desks["ebay_token"].behave(Trouble.BROKEN, times=2)
    [row] = house.look_up()
    assert (row["status"], row["attempts"]) == ("completed", 1)
    assert house.paid()["google_vision"] == house.paid()["azure_vision"] == 1
    attempts = {event["attempt"] for event in house.events(row["id"])}
    seen.saw(f"completed at attempt {max(attempts)}; each paid once")


@pytest.mark.timeout(240)
@cell(
    "F48b",
    fault="a vendor that hangs for ever, ten pictures",
    promised="the lines of the others come as if it were not there, and every lookup completes",
    houses=ONLY_SQLITE,
    dozen=True,
)
def test_hangs_for_ever(house: LookupHouse, seen: Seen) -> None:
    house.stubs.desks["ebay_image"].behave(Trouble.HANGS)
    rows = house.look_up(10)
    assert {row["status"] for row in rows} == {"completed"}
    others = ("google_vision", "azure_vision", "vision_model")
    for row in rows:
        order = [event["stage"] for event in house.events(row["id"])]
        assert all(order.index(name) < order.index("ebay_image") for name in others)
        told = house.outcomes(row["id"])
        assert {told[name] for name in others} == {"produced"}
        assert told["ebay_image"] in {"provider_down", "provider_resting"}
    # Four are unlike; what is the same is asked once.
    paid = house.paid()
    assert (paid["google_vision"], paid["azure_vision"]) == (4, 4)
    seen.saw("10 of 10 completed; 30 of 30 lines of others before its own")
