"""How a load of `bench/load.py` begins and ends."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import load_run
from bench.load import main
from bench.load_calls import Calls, Pictures
from bench.load_run import Run, measure_capacity, run_scenario
from bench.load_scenarios import LOAD_TESTS, read_plan, read_scenario
from tests.fixtures.paths import find_free_port
from tests.load.false_gateway import FalseGateway
from tests.load.loads import bench_load


@pytest.fixture
def gateway() -> Iterator[FalseGateway]:
    gateway = FalseGateway()
    yield gateway
    gateway.close()


def test_a_run_that_has_failed_goes_on_no_longer(
    gateway: FalseGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_run, "_ABORT_FROM_S", 0.3)
    monkeypatch.setattr(load_run, "_LOOK_EVERY_S", 0.05)
    gateway.job_status = "failed"
    began_s = time.monotonic()

    async def run() -> Run:
        pictures = Pictures(sorted((LOAD_TESTS / "pictures").glob("*.jpg")))
        async with Calls(gateway.url, pictures) as calls:
            scenario = read_scenario("steady", rate_per_s=20, duration_s=600)
            return await run_scenario(scenario, calls, read_plan())

    ended = asyncio.run(run())
    assert ended.is_aborted
    assert ended.measures.successes["picture_success"][False] > 0
    assert time.monotonic() - began_s < 30


def test_a_part_of_the_capacity_is_taken(gateway: FalseGateway, tmp_path: Path) -> None:
    words = ["--scenario", "steady", "--of-capacity", "0.2", "--capacity-seconds", "0.5", "--duration", "1s"]
    load = bench_load(gateway.url, tmp_path, words)
    capacity_per_s = load.told["capacity_per_s"]
    assert load.told["rate_per_s"] == pytest.approx(capacity_per_s / 5, abs=0.01)
    # The last one is due at the very end at the latest.
    assert load.told["pictures"]["completed"] == int(capacity_per_s / 5) > 0, load.said


def test_a_house_that_begins_slowly_is_measured_from_its_first_picture_on(
    gateway: FalseGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_run, "_WARM_UP_S", 0.1)
    gateway.refused["upload"] = 24  # the first of each caller, who comes again after a second

    async def measured() -> float:
        async with Calls(gateway.url, Pictures(sorted((LOAD_TESTS / "pictures").glob("*.jpg")))) as calls:
            return await measure_capacity(calls, read_plan(), seconds=0.3)

    assert asyncio.run(measured()) > 0


def test_where_nothing_completes_there_is_no_capacity(
    gateway: FalseGateway, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_run, "_FIRST_WITHIN_S", 0.5)
    gateway.job_status = "failed"
    words = ["--url", gateway.url, "--of-capacity", "0.5", "--capacity-seconds", "0.2"]
    assert main(words) == 1
    assert "job failed" in capsys.readouterr().err


def test_a_gateway_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{find_free_port()}"
    assert main(["--url", url]) == 1
    assert capsys.readouterr().err.startswith(f"{url}: ConnectError")


@pytest.mark.parametrize("words", [["--rate", "0"], ["--duration", "soon"], ["--scenario", "stedy"]])
def test_what_makes_no_sense_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(words)
    assert refused.value.code == 2
