"""Failpoints: nothing when unset, exactly what is said when set, and never a name that means nothing."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from veilgate.domain.errors import ConfigurationError
from veilgate.telemetry.failpoints import PLACES, Broken, arm, failpoint


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("")


def test_nothing_happens_when_nothing_is_armed() -> None:
    arm("")
    for place in PLACES:
        failpoint(place, "any")


def test_the_nth_passing_breaks_and_no_other() -> None:
    arm("after_put:raise@2")
    failpoint("after_put")
    with pytest.raises(Broken):
        failpoint("after_put")
    failpoint("after_put")
    failpoint("after_commit")


def test_only_the_subject_breaks() -> None:
    arm("in_infer[ab]:raise,in_infer[cd]:sleep=0.05@1")
    failpoint("in_infer", "00ff")
    began_s = time.monotonic()
    failpoint("in_infer", "cd12")
    assert time.monotonic() - began_s >= 0.05
    with pytest.raises(Broken):
        failpoint("in_infer", "ab34")


@pytest.mark.parametrize("spec", ["nowhere:kill9", "after_put:faint", "after_put", "after_put:kill9@x"])
def test_what_means_nothing_is_refused(spec: str) -> None:
    with pytest.raises(ConfigurationError, match="FAILPOINTS"):
        arm(spec)


@pytest.mark.parametrize(("action", "number"), [("kill9", signal.SIGKILL), ("segv", signal.SIGSEGV)])
def test_it_ends_the_process_by_that_signal(action: str, number: signal.Signals) -> None:
    code = "import sys; from veilgate.telemetry.failpoints import arm, failpoint; arm(sys.argv[1])"
    script = f"{code}; failpoint('finish'); failpoint('finish')"
    done = subprocess.run([sys.executable, "-c", script, f"finish:{action}@2"], check=False)
    assert done.returncode == -number


def test_every_place_is_in_the_code_once(repository_root: Path) -> None:
    code = "".join(path.read_text() for path in (repository_root / "veilgate").rglob("*.py"))
    passed = re.findall(r'failpoint\(\s*"(\w+)"', code)
    assert sorted(set(passed)) == sorted(PLACES)
