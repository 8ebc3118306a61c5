"""What it all came to is counted where it is decided: once, however often a transaction is tried."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from database_models import processed_images
from tests.counted import Counted
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
from veilgate.services.images import kept_originals
from veilgate.services.images.erase import AskedBy, Erase
from veilgate.services.images.kept_originals import KeptOriginals
from veilgate.services.overview.statistics import Statistics
from veilgate.services.uploads.shared_commit import SharedCommit
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.stages.pipeline import Pipeline, begin
from veilgate.storage.local import LocalObjectStore
from veilgate.telemetry.run_clock import RunClock

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


def test_originals_are_those_that_were_kept_when_they_were_counted(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_originals, "_PAGE", 2)
    commits, store = SharedCommit(shelf.database), LocalObjectStore(shelf.folder / "objects")
    assert kept(shelf) == (None, None, None), "nobody has counted them"
    KeptOriginals(shelf.database).count_originals()
    assert kept(shelf)[:2] == (0, 0)
    entries = [entry() for _ in range(5)]
    for one in entries:
        one.rows = replace(one.rows, image=replace(one.rows.image, file_size=500))
        commits.write(one)
    erased, dropped, *_ = (one.rows.image.id for one in entries)
    Erase(shelf.database, store).erase(erased, OWNER, AskedBy("cli"))
    with shelf.database.write() as transaction:
        drop = update(processed_images).where(processed_images.c.id == dropped)
        transaction.connection.execute(drop.values(original_dropped_at_ms=1))
        transaction.totals.put(originals_counted_at_ms=1000)
    assert kept(shelf) == (0, 0, 1), "as of when they were counted"
    for _ in range(2):
        KeptOriginals(shelf.database).count_originals()
    assert kept(shelf)[:2] == (3, 1500)
    assert kept(shelf)[2] == pytest.approx(time.time(), abs=60)


def kept(shelf: Shelf) -> tuple[object, ...]:
    found = cost(shelf)
    return found["originals"], found["original_bytes"], found["counted_at"]


def test_dollars_are_reckoned_with_ones_own_prices_alone(sqlite_shelf: Shelf) -> None:
    with sqlite_shelf.database.write() as transaction:
        transaction.totals.add(device_ms=7_200_000, original_bytes=5_000_000_000)
    nothing = {"device": None, "lookups": 0.0, "originals_a_month": None}
    assert cost(sqlite_shelf)["usd"] == nothing
    own = Prices("mine", usd_a_gb_month=0.02, usd_a_device_hour=0.5)
    assert cost(sqlite_shelf, own)["usd"] == {"device": 1.0, "lookups": 0.0, "originals_a_month": 0.1}


def test_pictures_share_the_device_seconds_that_prometheus_is_told() -> None:
    """Chunks of several threads take turns: neither their wait nor what cores do is the device's."""
    clock, turn = RunClock("stand-in"), threading.Lock()

    class Model(Stage):
        def run(self, works: Sequence[PictureWork]) -> list[Outcome]:
            time.sleep(0.01)
            with turn, clock.run():
                time.sleep(0.01)
            return super().run(works)

    model = Model("model", runs_on=RunsOn.DEVICE)
    pipeline = Pipeline(begin(Stage("first")).then(model).then(Stage("last")))
    works = [work_of(str(number)) for number in range(12)]
    bounds = ChunkBounds(max_items=3, max_pixels=10_000, linger_s=0.05)
    counted = Counted()
    ends = run_all(pipeline, *works, bounds=bounds, device_threads=4).ends
    shares_ms = {job_id: end.device_ms for job_id, end in ends.items()}
    for chunk in model.chunks:
        assert len({shares_ms[job_id] for job_id in chunk}) == 1
    device_s = counted("veilgate_device_busy_seconds_total", device="stand-in")
    assert device_s >= 0.01 * len(model.chunks)
    assert sum(shares_ms.values()) == pytest.approx(device_s * 1000, abs=0.5 * len(works)), "each is rounded"


def test_a_run_that_fails_and_is_cut_up_has_taken_its_time_all_the_same() -> None:
    clock = RunClock("stand-in")

    class Breaks(Stage):
        def run(self, _works: Sequence[PictureWork]) -> list[Outcome]:
            with clock.run():
                time.sleep(0.01)
                raise StageFailed("It broke.")

    counted = Counted()
    bounds = ChunkBounds(max_items=2, max_pixels=10_000, linger_s=10.0)
    model = begin(Breaks("model", runs_on=RunsOn.DEVICE), essential=True)
    ends = run_all(Pipeline(model), work_of("a"), work_of("b"), bounds=bounds).ends
    device_s = counted("veilgate_device_busy_seconds_total", device="stand-in")
    assert device_s >= 0.03, "together, and each alone"
    assert sum(end.device_ms for end in ends.values()) == pytest.approx(device_s * 1000, abs=1)
