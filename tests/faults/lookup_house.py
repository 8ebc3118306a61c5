"""A rig with a lookups worker and the vendors that it asks, for all cells about lookups."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.client import Clients
from tests.faults.rig import Rig, open_rig
from tests.stubs.serving import Stubs

ASKED = (
    "google_vision", "google_lens", "ebay_image", "azure_vision", "vision_model", "google_shopping",
    "ebay_search",
)  # fmt: skip
PAID = tuple(name for name in ASKED if not name.startswith("ebay"))
# A machine that does much else answers late, too.
TIMEOUT_S = 1.5
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


@pytest.fixture(scope="session")
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
