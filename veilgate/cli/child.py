"""One process that a supervisor looks after: how it is started, asked to stop and killed."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class ChildSpec:
    """What to run. Those that `stop_last` outlive the others, because the others need them to end well."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    stop_last: bool = False


class Child:
    """A running process, in a session of its own: the terminal's Ctrl-C reaches only the supervisor."""

    def __init__(self, spec: ChildSpec, *, cwd: Path) -> None:
        self._process = subprocess.Popen(
            spec.argv,
            env=dict(spec.env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            # Unsafe only beside other threads, which the supervisor has not; a launcher process in between
            # would cost each child another Python start.
            preexec_fn=_dying_with_this_process(),  # noqa: PLW1509
        )
        self.pid = self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        code = self._process.poll()
        if code is not None:
            self._kill_group()  # what it leaves behind would go on beside its successor
        return code

    def ask_to_stop(self) -> None:
        """Sends SIGTERM to the process alone: it knows how to end its own children."""
        self._process.terminate()

    def kill(self) -> None:
        """Ends it and everything it started, at once, and reaps it."""
        self._kill_group()
        self._process.wait()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
            os.killpg(self.pid, signal.SIGKILL)


def describe_exit(code: int) -> str:
    """An exit code in words: `exit code 3`, `SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _dying_with_this_process() -> Callable[[], None] | None:
    """Makes Linux send SIGTERM to the child when this process is gone, even by kill -9."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent_pid = os.getpid()

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:  # died before the line above took effect
            os._exit(1)

    return in_child
