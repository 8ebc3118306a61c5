"""What it all came to is counted where it is decided: once, however often a transaction is tried."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from tests.unit.services import test_lookup_ends as lookups
from tests.unit.services.test_recorder import Desk, end_of
from tests.unit.services.test_shared_commit import entry
from tests.unit.stages.stand_in_stages import Stage, run_all, work_of
from veilgate.domain.cost import EXAMPLE_PRICES, Prices
from veilgate.domain.errors import StageFailed
from veilgate.domain.outcomes import Outcome
from veilgate.services.engines.device_line import ChunkBounds
from veilgate.services.engines.settlements import Verdict
from veilgate.services.images.erase import AskedBy, Erase
from veilgate.services.images.retention import Retention
from veilgate.services.overview.statistics import Statistics
from veilgate.services.uploads.shared_commit import SharedCommit
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.stages.pipeline import Pipeline, begin
from veilgate.storage.local import LocalObjectStore

COPIES = Outcome.produced("x", {"processed": "file://x", "thumbnails": {}, "stored_bytes": 700})


@pytest.fixture
def desk(sqlite_shelf: Shelf, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(sqlite_shelf, tmp_path)
    yield desk
    desk.recorder.close()


def totals(shelf: Shelf) -> dict[str, int]:
    with shelf.database.read() as transaction:
        return transaction.totals.all()


def cost(shelf: Shelf, prices: Prices = EXAMPLE_PRICES) -> dict[str, object]:
    found: dict[str, object] = Statistics(shelf.database, prices).stats()["cost"]
    return found


def test_tries_that_fail_use_the_device_too(desk: Desk) -> None:
    desk.add("a")
    desk.recorder.work_ended(replace(end_of("a", error=StageFailed("It broke.")), device_ms=30))
    assert desk.settled().verdict is Verdict.RETRIED
    desk.shelf.claim("a")
    desk.recorder.work_ended(replace(end_of("a", 2, store_copies=COPIES), device_ms=12))
    assert desk.settled().verdict is Verdict.COMPLETED
    found = totals(desk.shelf)
    assert (found["device_ms"], found["copied"], found["copy_bytes"]) == (42, 1, 700)
    assert cost(desk.shelf)["device_seconds"] == 0.042


def test_a_result_that_is_thrown_away_is_not_counted(desk: Desk) -> None:
    desk.add("a")
    desk.recorder.work_ended(replace(end_of("a", 7), device_ms=30))
    assert desk.settled().verdict is Verdict.LOST
    assert "device_ms" not in totals(desk.shelf)


def test_a_transaction_that_is_tried_again_counts_once(desk: Desk) -> None:
    desk.add("a")
    desk.shelf.fill_disk()
    desk.recorder.work_ended(replace(end_of("a", store_copies=COPIES), device_ms=30))
    desk.shelf.free_disk()
    assert desk.settled().verdict is Verdict.COMPLETED
    found = totals(desk.shelf)
    assert (found["device_ms"], found["copied"], found["copy_bytes"]) == (30, 1, 700)


def test_what_lookups_came_to(sqlite_shelf: Shelf) -> None:
    desk = lookups.Desk(sqlite_shelf)
    said = {"cost": {"calls": 2, "cached": 1, "usd": 0.0035}}
    for _ in range(2):
        desk.end(desk.begin(), {"google_vision": Outcome.produced("x", said)})
    found = cost(sqlite_shelf)
    assert (found["lookup_calls"], found["lookup_answers_known"]) == (4, 2)
    assert found["usd"] == {"device": None, "lookups": 0.007, "originals_a_month": None}
    [row] = sqlite_shelf.rows("SELECT sum(cost_micros) AS micros FROM lookup_spending")
    assert row["micros"] == 7000


def test_originals_count_from_acceptance_until_they_are_gone(shelf: Shelf) -> None:
    commits, store = SharedCommit(shelf.database), LocalObjectStore(shelf.folder / "objects")
    entries = [entry() for _ in range(3)]
    for one in entries:
        one.rows = replace(one.rows, image=replace(one.rows.image, file_size=500))
        commits.write(one)
    assert (cost(shelf)["originals"], cost(shelf)["original_bytes"]) == (3, 1500)
    first, second, third = (one.rows.image.id for one in entries)
    Erase(shelf.database, store).erase(first, OWNER, AskedBy("cli"))
    assert (cost(shelf)["originals"], cost(shelf)["original_bytes"]) == (2, 1000)
    shelf.change(second, status="completed", updated_at_ms=1)  # the third is at work
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE processed_images SET created_at_ms = 1")
    for _ in range(2):
        Retention(shelf.database, store, kept_days=1).drop_originals()
    assert (cost(shelf)["originals"], cost(shelf)["original_bytes"]) == (1, 500)
    Erase(shelf.database, store).erase(second, OWNER, AskedBy("cli"))
    assert (cost(shelf)["originals"], cost(shelf)["original_bytes"]) == (1, 500), "it had none any more"
    Erase(shelf.database, store).erase(third, OWNER, AskedBy("cli"))
    assert (cost(shelf)["originals"], cost(shelf)["original_bytes"]) == (0, 0)


def test_dollars_are_reckoned_with_ones_own_prices_alone(sqlite_shelf: Shelf) -> None:
    with sqlite_shelf.database.write() as transaction:
        transaction.totals.add(device_ms=7_200_000, original_bytes=5_000_000_000)
    nothing = {"device": None, "lookups": 0.0, "originals_a_month": None}
    assert cost(sqlite_shelf)["usd"] == nothing
    own = Prices("mine", usd_a_gb_month=0.02, usd_a_device_hour=0.5)
    assert cost(sqlite_shelf, own)["usd"] == {"device": 1.0, "lookups": 0.0, "originals_a_month": 0.1}


def test_pictures_share_the_time_of_the_run_that_they_were_in() -> None:
    def work_hard(work: PictureWork) -> Outcome:
        time.sleep(0.02)
        return Outcome.produced(work.job_id)

    device, processor = Stage("device", work_hard, runs_on=RunsOn.DEVICE), Stage("cpu", work_hard)
    pipeline = Pipeline(begin(Stage("first")).then(device).then(processor))
    works = [work_of(str(number)) for number in range(4)]
    bounds = ChunkBounds(max_items=4, max_pixels=10_000, linger_s=10.0)
    began_s = time.monotonic()
    ends = run_all(pipeline, *works, bounds=bounds).ends
    took_ms = (time.monotonic() - began_s) * 1000
    shares_ms = {job_id: end.device_ms for job_id, end in ends.items()}
    for chunk in device.chunks:
        assert len({shares_ms[job_id] for job_id in chunk}) == 1
    assert 80 <= sum(shares_ms.values()) + 4 <= took_ms + 8, "rounded, and without what cores do"
