"""The supervisor with tiny real children: restarts, back-off, drain, kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import runs
from tests.waiting import wait_until
from veilgate.cli.child import ChildSpec, describe_exit
from veilgate.cli.stop_signals import StopSignals
from veilgate.cli.supervisor import RestartPolicy, Supervisor

QUICK = RestartPolicy(first_delay_s=0.05, longest_delay_s=0.2, steady_after_s=30, drain_s=0.5)
SLEEPER = "import time; time.sleep(600)"
STUBBORN = (
    "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
)
NOTES_ITS_END = (
    "import pathlib, signal, sys, time\n"
    "def end(*_):\n"
    "    pathlib.Path(sys.argv[1]).write_text(repr(time.monotonic())); sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, end); pathlib.Path(sys.argv[2]).touch(); time.sleep(600)"
)


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    listener = StopSignals()
    with listener.listening():
        yield listener


@pytest.fixture
def supervisor(signals: StopSignals, tmp_path: Path) -> Iterator[Supervisor]:
    one = Supervisor(cwd=tmp_path, signals=signals, policy=QUICK)
    yield one
    one.stop()


def child(name: str, code: str, *arguments: Path, stop_last: bool = False) -> ChildSpec:
    return ChildSpec(
        name, (sys.executable, "-c", code, *map(str, arguments)), dict(os.environ), stop_last=stop_last
    )


def test_dead_child_comes_back(supervisor: Supervisor, capsys: pytest.CaptureFixture[str]) -> None:
    supervisor.start(child("sleeper", SLEEPER))
    first = supervisor.pids["sleeper"]
    os.kill(first, signal.SIGKILL)

    def replaced() -> bool:
        supervisor.tick()
        return supervisor.pids.get("sleeper", first) != first

    wait_until(replaced, timeout_s=10, what="a new sleeper")
    assert supervisor.ends_of("sleeper") == ["SIGKILL"]
    assert "sleeper ended (SIGKILL); starting it again in 0.05 s" in capsys.readouterr().out


def test_pauses_double_up_to_the_longest_and_start_anew_after_a_steady_life() -> None:
    policy = RestartPolicy()
    pauses = [0.0]
    for _ in range(8):
        pauses.append(policy.delay_s(previous_s=pauses[-1], alive_s=1))
    assert pauses[1:] == [0.5, 1, 2, 4, 8, 15, 15, 15]
    assert policy.delay_s(previous_s=15, alive_s=30) == 0.5


def test_failing_child_is_started_again_and_again(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor.start(child("broken", "raise SystemExit(3)"))

    def failed_four_times() -> bool:
        supervisor.tick()
        return len(supervisor.ends_of("broken")) == 4

    wait_until(failed_four_times, timeout_s=20, what="four ends")
    said = capsys.readouterr().out.splitlines()
    assert [line.rsplit(" in ", 1)[1] for line in said] == ["0.05 s", "0.1 s", "0.2 s", "0.2 s"]
    assert all("exit code 3" in line for line in said)


def test_program_that_cannot_be_started_is_tried_again(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(ChildSpec("ghost", (str(tmp_path / "absent"),), {}))

    def tried_twice() -> bool:
        supervisor.tick()
        return len(supervisor.ends_of("ghost")) == 2

    wait_until(tried_twice, timeout_s=10, what="two attempts")
    assert "not started" in supervisor.ends_of("ghost")[0]


def test_last_child_outlives_the_others(supervisor: Supervisor, tmp_path: Path) -> None:
    for name in ("redis", "worker"):
        spec = child(name, NOTES_ITS_END, tmp_path / name, tmp_path / f"{name}.up", stop_last=name == "redis")
        supervisor.start(spec)
        wait_until((tmp_path / f"{name}.up").exists, timeout_s=10, what=f"{name} is up")
    supervisor.stop()
    ends = {name: float((tmp_path / name).read_text()) for name in ("redis", "worker")}
    assert ends["worker"] < ends["redis"]


def test_child_that_does_not_drain_is_killed(
    supervisor: Supervisor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor.start(child("stubborn", STUBBORN, tmp_path / "up"))
    pid = supervisor.pids["stubborn"]
    wait_until((tmp_path / "up").exists, timeout_s=10, what="the child ignores SIGTERM")
    started_at = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - started_at >= QUICK.drain_s
    assert not runs(pid)
    assert "killing stubborn: it did not end within 0.5 s" in capsys.readouterr().out


def test_insisting_does_not_wait_for_the_drain(
    signals: StopSignals, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    patient = Supervisor(cwd=tmp_path, signals=signals, policy=RestartPolicy(drain_s=60))
    patient.start(child("stubborn", STUBBORN, tmp_path / "up"))
    wait_until((tmp_path / "up").exists, timeout_s=10, what="the child ignores SIGTERM")
    signals.insisted = True
    started_at = time.monotonic()
    patient.stop()
    assert time.monotonic() - started_at < 10
    assert "killing stubborn: as asked" in capsys.readouterr().out


STARTS_ANOTHER = """
import pathlib, subprocess, sys, time
note = pathlib.Path(sys.argv[1])
part = note.with_suffix(".part")
part.write_text(str(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid))
part.rename(note)
time.sleep(600)
"""


def test_what_a_dead_child_left_behind_ends_with_it(supervisor: Supervisor, tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    supervisor.start(child("parent", STARTS_ANOTHER, note))
    wait_until(note.exists, timeout_s=10, what="the grandchild runs")
    os.kill(supervisor.pids["parent"], signal.SIGKILL)

    def gone() -> bool:
        supervisor.tick()
        return not runs(int(note.read_text()))

    wait_until(gone, timeout_s=10, what="the grandchild is gone")


SUPERVISES = """
import os, pathlib, sys
from veilgate.cli.child import ChildSpec
from veilgate.cli.stop_signals import StopSignals
from veilgate.cli.supervisor import Supervisor
one = Supervisor(cwd=pathlib.Path.cwd(), signals=StopSignals())
one.start(ChildSpec("sleeper", (sys.executable, "-c", "import time; time.sleep(600)"), dict(os.environ)))
print(one.pids["sleeper"], flush=True)
one.run_until_asked()
"""

if sys.platform == "linux":  # elsewhere the kernel has no such service

    def test_children_end_with_a_supervisor_that_is_killed(repository_root: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", SUPERVISES], cwd=repository_root, stdout=subprocess.PIPE, text=True
        ) as parent:
            assert parent.stdout
            pid = int(parent.stdout.readline())
            assert runs(pid)
            parent.kill()
        wait_until(lambda: not runs(pid), timeout_s=10, what="the child is gone")


def test_run_to_end_returns_the_exit_code(supervisor: Supervisor) -> None:
    assert supervisor.run_to_end(child("once", "raise SystemExit(7)")) == 7


def test_run_to_end_stops_early_when_asked(supervisor: Supervisor, signals: StopSignals) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    wait_until(lambda: signals.asked, timeout_s=5, what="the signal")
    assert supervisor.run_to_end(child("once", SLEEPER)) == -signal.SIGTERM


@pytest.mark.parametrize(("code", "words"), [(0, "exit code 0"), (-9, "SIGKILL"), (-99, "signal 99")])
def test_exit_codes_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words
