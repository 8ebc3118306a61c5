"""`veilgate lookups providers`: who is asked, what keeps others off, and what today came to."""

import json
import shutil
from pathlib import Path

import pytest

from tests.integration.api.gateway import Processes
from veilgate.domain.lookups import Bill
from veilgate.persistence.engine import open_engine
from veilgate.persistence.unit_of_work import Database

KEYS = {
    "GOOGLE_VISION_API_KEY": "AIza-hush",
    "SERPAPI_API_KEY": "hush",
    "EBAY_CLIENT_ID": "app",
    "EBAY_CLIENT_SECRET": "hush",
    "EBAY_MARKETPLACE": "EBAY_FR",
    "LOOKUP_LIMITS": "serpapi.per_second=5,serpapi.daily_calls=1000,google_lens.usd_per_call=0.02",
}


@pytest.fixture
def processes(tmp_path: Path, migrated_file: Path) -> Processes:
    """The commands of a house where two owners have looked something up today."""
    shutil.copy(migrated_file, tmp_path / "veilgate.db")
    database = Database(open_engine(f"sqlite:///{tmp_path / 'veilgate.db'}"))
    with database.write() as transaction:
        transaction.spending.add("alice", {"google_vision": Bill(3, 1, 19_500)})
        transaction.spending.add("bob", {"google_vision": Bill(1, 0, 6_500)})
    database.close()
    return Processes(tmp_path, "unix:///nowhere/redis.sock")


def test_a_line_for_each(processes: Processes) -> None:
    answer = processes.ask("-m", "veilgate", "lookups", "providers", **KEYS)
    assert answer.returncode == 0, answer.stderr
    titles, *lines, today = answer.stdout.splitlines()
    assert titles.split()[:3] == ["PROVIDER", "STATE", "GIVES"]
    states = {line.split()[0]: line[len("google_shopping  ") :] for line in lines}
    assert states["google_vision"].startswith("on ")
    assert states["google_lens"].startswith("off: PUBLIC_BASE_URL ")
    assert states["ebay_image"].startswith("off: EBAY_MARKETPLACE ")
    assert states["ebay_search"].startswith("on ")
    assert states["azure_vision"].startswith("off: AZURE_VISION_ENDPOINT, AZURE_VISION_KEY ")
    assert today == "today: 0.0260 US dollars of 10 (LOOKUP_DAILY_USD)"
    assert "hush" not in answer.stdout + answer.stderr


def test_as_json(processes: Processes) -> None:
    address = {"PUBLIC_BASE_URL": "https://gate.example", "LOOKUP_DAILY_USD": "0"}
    answer = processes.ask("-m", "veilgate", "lookups", "providers", "--json", **KEYS, **address)
    document = json.loads(answer.stdout)
    by_name = {line["name"]: line for line in document["providers"]}
    assert document["daily_usd"] == 0
    assert by_name["google_lens"] == {
        "name": "google_lens",
        "account": "serpapi",
        "is_on": True,
        "missing": [],
        "enabled_by": ["SERPAPI_API_KEY"],
        "gives": "pages with what looks like it, names, prices",
        "usd_per_call": 0.02,
        "per_second": 5.0,
        "concurrency": 2,
        "daily_calls": 1000,
        "calls_today": 0,
        "cached_today": 0,
        "usd_today": 0.0,
    }
    vision = by_name["google_vision"]
    assert (vision["calls_today"], vision["cached_today"], vision["usd_today"]) == (4, 1, 0.026)


def test_wrong_limits_are_named(processes: Processes) -> None:
    answer = processes.ask("-m", "veilgate", "lookups", "providers", LOOKUP_LIMITS="nobody.per_second=5")
    assert (answer.returncode, answer.stdout) == (78, "")
    assert answer.stderr.startswith("veilgate: LOOKUP_LIMITS: ")
