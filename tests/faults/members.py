"""The processes of a rig: started as in production, killed as by the kernel."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.fixtures.paths import REPOSITORY_ROOT
from tests.waiting import wait_until

STOP_TIMEOUT_S = 30.0


class Member:
    """One process of the house under a name. Who starts it again when it dies is `Rig`'s business."""

    def __init__(self, name: str, words: tuple[str, ...], env: Mapping[str, str], *, log: Path) -> None:
        self.name = name
        self._words, self._env, self._log = words, dict(env), log
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.RLock()
        # How each life ended, oldest first; negative for the signal that ended it.
        self.ends: list[int] = []

    @property
    def pid(self) -> int:
        with self._turn:
            assert self._process, f"{self.name} does not run"
            return self._process.pid

    @property
    def is_alive(self) -> bool:
        with self._turn:
            if self._process and (code := self._process.poll()) is not None:
                end_group(self._process.pid)
                self.ends.append(code)
                self._process = None
            return self._process is not None

    def start(self, **settings: str) -> None:
        """Unless it runs. `settings` hold for this life only."""
        with self._turn, self._log.open("ab") as log:
            if self.is_alive:
                return
            self._process = subprocess.Popen(
                [sys.executable, *self._words],
                cwd=REPOSITORY_ROOT,
                env={**os.environ, **self._env, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> int:
        """kill −9, and what it had started goes with it, as under a supervisor."""
        return self._end_by(signal.SIGKILL)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        return self._end_by(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait_for_end(self, life: int, *, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """The end of its `life`-th life, counted from 0."""
        wait_until(
            lambda: self.is_alive is False or len(self.ends) > life, timeout_s=timeout_s, what=self.name
        )
        return self.ends[life]

    def _end_by(self, number: signal.Signals) -> int:
        with self._turn:
            if not self.is_alive:
                return self.ends[-1] if self.ends else 0
            life = len(self.ends)
            self.send(number)
        return self.wait_for_end(life)

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


def end_group(pid: int) -> None:
    """A worker's decode children are in its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
