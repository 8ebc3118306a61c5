"""A whole house under real load: half of what it can do here and now, and k6's smoke; nothing is left behind.

The promise of 30 pictures a second is asked of machines with a GPU; of others, what they can do.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.house import House
from tests.fixtures.paths import REPOSITORY_ROOT
from tests.load.loads import Load, bench_load, by_k6

pytestmark = pytest.mark.timeout(300)
PROMISED_PER_S = 30


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("load") / "data"


@pytest.fixture(scope="module")
def house(data_dir: Path) -> Iterator[House]:
    house = House(data_dir)
    try:
        house.wait_for_banner()
        yield house
    finally:
        house.close()


@pytest.fixture
def url(house: House) -> str:
    return f"http://127.0.0.1:{house.port}"


def has_gpu() -> bool:
    asked = shutil.which("nvidia-smi")
    return bool(asked) and subprocess.run([asked or "", "-L"], capture_output=True, check=False).stdout != b""


def shown(capsys: pytest.CaptureFixture[str], load: Load) -> Load:
    """Printed whether the test passes or not: the numbers are what it is run for."""
    with capsys.disabled():
        sys.stdout.write(f"\n{load.said}\n")
    return load


def test_half_of_what_it_can_do_is_done_in_time(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rate = ["--rate", str(PROMISED_PER_S)] if has_gpu() else ["--of-capacity", "0.5"]
    load = shown(capsys, bench_load(url, tmp_path, ["--scenario", "steady", *rate, "--duration", "15s"]))
    # Other suites take the cores while this one runs: that it kept up is asked where 30 are promised.
    assert load.missed <= (set() if has_gpu() else {"completed_after_s"})
    assert load.told["pictures"]["failed"] == 0, load.told["failures"]
    assert load.told["pictures"]["completed"] >= 15, "too few to say anything"


def test_k6_puts_its_smoke_on_it(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load = shown(capsys, by_k6(url, tmp_path, scenario="smoke", rate=None, duration_s=None))
    assert (load.exit_code, load.missed) == (0, set())
    assert load.told["pictures"]["completed"] >= 9
    assert load.told["times_ms"]["stage_find_faces_ms"]["count"] >= 9


def test_nothing_is_left_behind(house: House, data_dir: Path) -> None:
    """After both, by the house's own books."""
    assert house.http.get("/queue-status").json()["processing"] == 0
    words = [sys.executable, "-m", "veilgate", "jobs", "verify"]
    env = {**os.environ, "DATA_DIR": str(data_dir)}
    done = subprocess.run(words, cwd=REPOSITORY_ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "all agrees"), done.stdout + done.stderr
