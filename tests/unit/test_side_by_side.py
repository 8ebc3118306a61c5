"""Suites that run side by side are one run: one verdict, one list of what did not run, one closing line."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.account import Account
from tests.lanes import LANES, Lane, lanes_of
from tests.processes import runs
from tests.side_by_side import Choice, SideBySide, close, read_choice
from tests.suites import SUITES, Suite
from tests.waiting import wait_until

PASSING = "def test_passes() -> None:\n    pass\n"
FAILING = "def test_fails() -> None:\n    raise AssertionError\n"
SKIPPING = "import pytest\n\ndef test_skips() -> None:\n    pytest.skip('no camera here')\n"
ENDING = "import os\n\nos._exit(0)\n"
SLEEPING = """
import os, time

def test_sleeps() -> None:
    os.mkdir(f"{os.getpid()}.at_work")
    time.sleep(100)
"""
CLOSING_LINE = re.compile(r"^=+ (.*) in [0-9.]+s( \([0-9:]+\))? =+$")  # as .ci/run looks for it
TWO_LANES = [Lane(("unit", "whole/inner")), Lane(("whole",))]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, repository_root: Path) -> Path:
    """Two suites in two lanes, of which one has a folder of the other's suite; all pass."""
    monkeypatch.setenv("REQUIRE_ALL_SUITES", "1")
    monkeypatch.setenv("PYTHONPATH", str(repository_root))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # half of the time a process takes to start
    monkeypatch.setattr("tests.suite_report.SUITES", (Suite("unit"), Suite("whole")))
    pytester.makeconftest('pytest_plugins = ["tests.suite_report"]')
    for path in ("unit/test_unit.py", "whole/test_whole.py", "whole/inner/test_inner.py"):
        write(pytester.path / "tests" / path, PASSING)
    return pytester.path / "tests"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def verdict(capfd: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit status, the totals of the closing line, and all that was said."""
    account, worst = SideBySide(TWO_LANES, ["-q"]).run()
    code = close(account, worst, suites="all", took_s=75)
    said = capfd.readouterr().out
    closing = CLOSING_LINE.match(said.splitlines()[-1])
    assert closing, said
    return code, closing[1], said


def test_every_test_runs_once_and_the_closing_line_adds_up(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, totals, said = verdict(capfd)
    assert (code, totals) == (0, "3 passed")
    assert said.splitlines()[-2] == "every suite ran"
    assert said.count("passed in") == 3, "each lane's own closing line, and the whole's"


def test_a_failure_in_one_lane_fails_the_whole(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(project / "whole/test_wrong.py", FAILING)
    code, totals, said = verdict(capfd)
    assert (code, totals) == (1, "1 failed, 3 passed")
    assert said.splitlines()[-3:-1] == ["FAILED tests/whole/test_wrong.py::test_fails", "every suite ran"]


def test_a_skip_fails_the_whole_and_is_named(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(project / "unit/test_camera.py", SKIPPING)
    code, totals, said = verdict(capfd)
    assert (code, totals) == (1, "1 failed, 3 passed")
    assert "NOT RUN: unit: no camera here (1 test)" in said.splitlines()[-3:]


def test_a_suite_without_tests_fails_the_whole(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "unit/test_unit.py").unlink()
    (project / "whole/inner/test_inner.py").unlink()
    code, totals, said = verdict(capfd)
    assert (code, totals) == (1, "1 passed")
    assert said.splitlines()[-2] == "NOT RUN: unit: no test was collected"


def test_a_lane_that_ends_before_it_counts_is_an_error(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(project / "whole/test_ending.py", ENDING)
    code, totals, said = verdict(capfd)
    assert code != 0
    assert totals == "2 passed, 1 error"
    assert "NOT RUN: whole: no test was collected" not in said, "its other lane ran some"


def test_not_required_a_skip_is_no_failure(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE_ALL_SUITES", "0")
    write(project / "unit/test_camera.py", SKIPPING)
    assert verdict(capfd)[:2] == (0, "3 passed, 1 skipped")


def test_asked_to_end_it_ends_what_it_has_started(project: Path) -> None:
    write(project / "e2e/test_sleeping.py", SLEEPING)
    runner = subprocess.Popen([sys.executable, "-m", "tests.side_by_side", "e2e"], stdout=subprocess.DEVNULL)
    try:
        mark = wait_until(lambda: next(Path().glob("*.at_work"), None), timeout_s=60, what="the test")
        runner.terminate()
        assert runner.wait(60) == pytest.ExitCode.INTERRUPTED
        assert not runs(int(mark.stem))
    finally:
        runner.kill()


@pytest.mark.parametrize(
    ("took_s", "line"),
    [
        (3517.52, "2 failed, 9592 passed, 584 deselected, 1 error in 3517.52s (0:58:37)"),
        (59.994, "2 failed, 9592 passed, 584 deselected, 1 error in 59.99s"),
    ],
)
def test_the_closing_line_is_as_pytest_writes_it(took_s: float, line: str) -> None:
    account = Account(outcomes=Counter(passed=9592, failed=2, deselected=584, error=1))
    said = account.closing_line(took_s)
    assert CLOSING_LINE.match(said)
    assert said.strip("= ") == line


def test_every_suite_has_its_lane() -> None:
    suites = [suite.name for suite in SUITES]
    assert {path for lane in LANES for path in lane.paths} >= set(suites)
    assert [lane.name for lane in lanes_of(["e2e"])] == ["e2e"]


def test_every_lane_names_what_there_is(repository_root: Path) -> None:
    paths = [path for lane in LANES for path in lane.paths]
    assert [path for path in paths if not (repository_root / "tests" / path).exists()] == []
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize(
    ("words", "choice"),
    [
        (["unit", "e2e", "--", "-k", "not slow"], Choice(("unit", "e2e"), None, ("-k", "not slow"))),
        (["unit", "--suites=all"], Choice(("unit",), "all", ("--suites=all",))),
        (
            ["--suites", "light"],
            Choice(tuple(suite.name for suite in SUITES if suite.light), "light", ("--suites=light",)),
        ),
    ],
)
def test_the_command_line(words: list[str], choice: Choice) -> None:
    assert read_choice(words) == choice


def test_a_suite_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_choice(["units"])
    assert "no suite is named units" in capsys.readouterr().err
