"""Runs suites in several pytest processes side by side: half of the tests wait while the other half compute.

    python -m tests.side_by_side --suites=all
    python -m tests.side_by_side architecture unit -- -k "not mariadb"

What a process prints is shown in one piece when it ends. The last line is one like pytest's own, for all.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.account import Account, added_up, read_account
from tests.lanes import Lane, lanes_of
from tests.suite_report import all_required, not_run, why_left_out
from tests.suites import SUITES
from tests.waiting import wait_until

# One more than there are cores, because one of them always waits: for a lease, a restart, a server.
_AT_ONCE = len(os.sched_getaffinity(0)) + 1
_LONGEST_S = 4 * 3600
_POLL_S = 0.1


@dataclass(frozen=True)
class Running:
    """One pytest process. What it prints and its account are files of its own."""

    lane: Lane
    process: subprocess.Popen[bytes]
    output: Path
    account: Path
    began_s: float

    def show(self) -> None:
        _say(f"\n##### {self.lane.name}: ended with {self.process.returncode} after {self._took_s():.0f} s\n")
        _say(self.output.read_text(encoding="utf-8", errors="replace"))

    def result(self) -> tuple[Account, int]:
        """What it did, and its exit status. Who ended before it could count has failed, whatever it says."""
        code = abs(self.process.returncode)
        if self.account.is_file():
            return read_account(self.account), code
        return Account(outcomes=Counter(error=1)), code or int(pytest.ExitCode.INTERNAL_ERROR)

    def _took_s(self) -> float:
        return time.monotonic() - self.began_s


class SideBySide:
    """Lanes of one project, each in a process of its own."""

    def __init__(self, lanes: Sequence[Lane], arguments: Sequence[str]) -> None:
        self._lanes, self._arguments = lanes, arguments
        # Who starts a Python here starts hundreds: each would compile what it imports once more.
        self._env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def run(self) -> tuple[Account, int]:
        """What all did together, and the worst exit status."""
        waiting, running, ended = deque(self._lanes), list[Running](), list[Running]()
        with tempfile.TemporaryDirectory(prefix="vg-") as folder:
            try:
                while waiting or running:
                    while waiting and len(running) < _AT_ONCE:
                        running.append(self._start(waiting.popleft(), Path(folder)))
                    ended.append(_first_to_end(running))
                    running.remove(ended[-1])
                    ended[-1].show()
            finally:
                _interrupt(running)
            results = [one.result() for one in ended]
        return added_up(account for account, _ in results), _worst([code for _, code in results])

    def _start(self, lane: Lane, folder: Path) -> Running:
        number = self._lanes.index(lane)
        output, account = folder / f"{number}.log", folder / f"{number}.json"
        command = [sys.executable, "-m", "pytest", f"--account={account}", *self._arguments]
        command += [f"tests/{path}" for path in lane.paths]
        command += [f"--ignore=tests/{path}" for path in lane.without(self._lanes)]
        with output.open("wb") as log:
            process = subprocess.Popen(
                command, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        _say(f"##### {lane.name}: begun\n")
        return Running(lane, process, output, account, time.monotonic())


def _first_to_end(running: Sequence[Running]) -> Running:
    def find() -> Running | None:
        return next((one for one in running if one.process.poll() is not None), None)

    return wait_until(find, timeout_s=_LONGEST_S, what="the end of a lane", poll_s=_POLL_S)


def _interrupt(running: Sequence[Running]) -> None:
    """As Ctrl-C does, so that what they have started ends with them."""
    for one in running:
        one.process.send_signal(signal.SIGINT)
    for one in running:
        one.process.wait()


def _worst(codes: Sequence[int]) -> int:
    """A lane in which nothing was left to run is no failure, unless all were so."""
    none = int(pytest.ExitCode.NO_TESTS_COLLECTED)
    return max((code for code in codes if code != none), default=none)


def close(account: Account, worst: int, *, suites: str | None, took_s: float) -> int:
    """Says once more what failed, what did not run, and the totals of all; the exit status of the whole."""
    missing = not_run(account, suites)
    for line in (*account.failed, *(f"NOT RUN: {what}" for what in missing)):
        _say(f"{line}\n")
    if suites and not missing:
        _say("every suite ran\n")
    _say(f"{account.closing_line(took_s)}\n")
    return worst or int(bool(missing) and all_required())


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _stop(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


@dataclass(frozen=True)
class Choice:
    """What a command line asks for: names of suites, pytest's --suites, and more words for pytest."""

    names: tuple[str, ...]
    suites: str | None
    arguments: tuple[str, ...]


def read_choice(words: Sequence[str]) -> Choice:
    """Ours stand before `--`, pytest's behind it. Without a name it is every suite that can run."""
    cut = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(prog="python -m tests.side_by_side", description=__doc__)
    parser.add_argument("names", nargs="*", type=_suite_name, metavar="SUITE")
    parser.add_argument("--suites", choices=("light", "all"), help="as pytest's option in this house")
    own = parser.parse_args(words[:cut])
    names = own.names or [suite.name for suite in SUITES if not why_left_out(suite, own.suites)]
    arguments = [*words[cut + 1 :], *([f"--suites={own.suites}"] if own.suites else [])]
    return Choice(tuple(names), own.suites, tuple(arguments))


def _suite_name(word: str) -> str:
    if word not in {suite.name for suite in SUITES}:
        raise argparse.ArgumentTypeError(f"no suite is named {word}; see tests/suites.py")
    return word


def main(words: Sequence[str]) -> int:
    choice = read_choice(words)
    # A handler for both: what a shell has told us to ignore would be ignored by pytest as well.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    began_s = time.monotonic()
    try:
        account, worst = SideBySide(list(lanes_of(choice.names)), choice.arguments).run()
    except KeyboardInterrupt:
        return int(pytest.ExitCode.INTERRUPTED)
    return close(account, worst, suites=choice.suites, took_s=time.monotonic() - began_s)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
