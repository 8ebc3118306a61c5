"""`veilgate cost`: what was measured here, prices as they are given, and nothing made up."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.gateway import Processes
from tests.integration.persistence.databases import Shelf

PRICES = """
usd_a_gb_month = 0.02
[machines.metal]
usd_an_hour = 3.6
here = true
[machines.gpu]
usd_an_hour = 2.0
"""


@pytest.fixture
def shelf(tmp_path: Path, migrated_file: Path) -> Shelf:
    shutil.copy(migrated_file, tmp_path / "veilgate.db")
    return Shelf(f"sqlite:///{tmp_path / 'veilgate.db'}", tmp_path)


def veil(shelf: Shelf, how_many: int) -> None:
    """Pictures that a worker has veiled at ten a second, two at a time, and what is left of them."""
    job_ids = [f"01890a5d-ac96-774b-bcce-{number:012}" for number in range(how_many)]
    shelf.add(*job_ids)
    with shelf.database.write() as transaction:
        run = transaction.connection.exec_driver_sql
        run("UPDATE jobs SET status = 'completed', worker = 'images-1'")
        run("UPDATE jobs SET started_at_ms = 1000 + 200 * (CAST(substr(id, -12) AS INTEGER) / 2)")
        run("UPDATE jobs SET finished_at_ms = started_at_ms + 200")
        transaction.totals.add(
            completed=how_many, originals=2, original_bytes=3_000_000, copied=10, copy_bytes=5_000_000
        )
    shelf.close()


def asked(tmp_path: Path, *words: str, **settings: str) -> str:
    answer = Processes(tmp_path, "unix:///nowhere/redis.sock").ask("-m", "veilgate", *words, **settings)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_with_prices_and_a_measurement_of_its_own(shelf: Shelf, tmp_path: Path) -> None:
    veil(shelf, 60)
    (tmp_path / "prices.toml").write_text(PRICES)
    settings = {
        "PRICES_FILE": str(tmp_path / "prices.toml"),
        "GOOGLE_VISION_API_KEY": "AIza-hush",
        "NUM_WORKERS": "2",
    }
    found: dict[str, Any] = json.loads(asked(tmp_path, "cost", "--images", "36000", "--json", **settings))
    assert found["pace"] == {"images": 60, "workers": 1, "busy_s": 6.0}
    metal, gpu = found["machines"]
    assert (metal["images_a_second"], metal["hours"], metal["usd"]) == (20.0, 0.5, 1.8)
    assert metal["measured"] == "here: the last 60 pictures, 6 s of work"
    assert (gpu["images_a_second"], gpu["hours"], gpu["usd"]) == (None, None, None)
    assert found["storage"] == {"gb": 72.0, "usd_a_month": 1.44}
    assert found["lookups"]["measured"] == "1 providers, each asked once"
    assert found["lookups"]["usd"] == pytest.approx(36_000 * found["lookups"]["each_usd"])
    shown = asked(tmp_path, "cost", "--images", "36000", **settings)
    assert "36,000 pictures. Prices: prices.toml." in shown
    assert [line.split()[:2] for line in shown.splitlines()[3:5]] == [["metal", "(here)"], ["gpu", "2.00"]]
    assert "hush" not in shown


def test_in_a_new_house_what_is_unknown_stays_so(shelf: Shelf, tmp_path: Path) -> None:
    veil(shelf, 3)
    shown = asked(tmp_path, "cost", "--images", "1000")
    assert "examples of November 2026" in shown
    assert "docs/benchmarks.md" in shown
    assert "too few pictures lately" in shown
    [lookups] = [line for line in shown.splitlines() if line.startswith("Lookups")]
    assert lookups == "Lookups, if every picture is looked up: ? USD (? each; no provider is on)."


def test_a_wrong_table_is_a_wrong_setting(shelf: Shelf, tmp_path: Path) -> None:
    shelf.close()
    answer = Processes(tmp_path, "unix:///nowhere/redis.sock").ask(
        "-m", "veilgate", "cost", "--images", "1", PRICES_FILE="/nowhere/prices.toml"
    )
    assert answer.returncode == 78
    assert "PRICES_FILE: /nowhere/prices.toml cannot be read" in answer.stderr
