"""Keeps child processes running: restarts the dead with back-off and ends all of them in order.

Single-threaded on purpose: `Child` runs code between fork and exec, and Linux ties the children's life to
the thread that started them.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

from veilgate.cli.child import Child, ChildSpec, describe_exit
from veilgate.cli.console import say
from veilgate.cli.stop_signals import StopSignals

POLL_S = 0.1


@dataclass(frozen=True)
class RestartPolicy:
    """How long the dead stay dead, and how long the living may take to end."""

    first_delay_s: float = 0.5
    longest_delay_s: float = 15.0
    steady_after_s: float = 30.0
    drain_s: float = 30.0

    def delay_s(self, *, previous_s: float, alive_s: float) -> float:
        """Pause before the next start: doubled each time, from the beginning after a steady life."""
        if previous_s == 0 or alive_s >= self.steady_after_s:
            return self.first_delay_s
        return min(previous_s * 2, self.longest_delay_s)


@dataclass
class _Watched:
    spec: ChildSpec
    child: Child | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    delay_s: float = 0.0
    ends: list[str] = field(default_factory=list)


class Supervisor:
    """Owns its children from `start` to `stop`; the caller calls `tick` every POLL_S in between."""

    def __init__(self, *, cwd: Path, signals: StopSignals, policy: RestartPolicy | None = None) -> None:
        self._cwd = cwd
        self._signals = signals
        self._policy = policy or RestartPolicy()
        self._watched: list[_Watched] = []

    @property
    def pids(self) -> dict[str, int]:
        """The children that run now, by name."""
        return {one.spec.name: one.child.pid for one in self._watched if one.child}

    def start(self, spec: ChildSpec) -> None:
        """Starts a child and watches it from now on."""
        watched = _Watched(spec)
        self._watched.append(watched)
        self._launch(watched)

    def ends_of(self, name: str) -> list[str]:
        """How the child ended each time so far, oldest first."""
        return next(list(one.ends) for one in self._watched if one.spec.name == name)

    def tick(self) -> None:
        """Notices the dead, and starts those whose pause is over."""
        for one in self._watched:
            if one.child is not None:
                code = one.child.exit_code()
                if code is not None:
                    self._schedule(one, describe_exit(code))
            elif time.monotonic() >= one.due_at:
                self._launch(one)

    def run_to_end(self, spec: ChildSpec) -> int:
        """Runs a process that is meant to end, and returns its exit code; ends it early when asked to."""
        child = Child(spec, cwd=self._cwd)
        asked = False
        while (code := child.exit_code()) is None:
            if self._signals.asked and not asked:
                child.ask_to_stop()
                asked = True
            if self._signals.insisted:
                child.kill()
            self.tick()
            time.sleep(POLL_S)
        return code

    def run_until_asked(self) -> None:
        """Keeps the children running until someone wants an end."""
        while not self._signals.asked:
            self.tick()
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Ends all children: SIGTERM, time to drain, SIGKILL; first those that others do not need."""
        for last in (False, True):
            self._end([one for one in self._watched if one.spec.stop_last is last and one.child])
        self._watched.clear()

    def _launch(self, watched: _Watched) -> None:
        watched.started_at = time.monotonic()
        try:
            watched.child = Child(watched.spec, cwd=self._cwd)
        except OSError as error:  # no memory, no file descriptors, the program is gone: may pass
            self._schedule(watched, f"not started ({error})")

    def _schedule(self, watched: _Watched, end: str) -> None:
        now = time.monotonic()
        watched.delay_s = self._policy.delay_s(previous_s=watched.delay_s, alive_s=now - watched.started_at)
        watched.due_at = now + watched.delay_s
        watched.child = None
        watched.ends.append(end)
        say(f"{watched.spec.name} ended ({end}); starting it again in {watched.delay_s:g} s")

    def _end(self, watched: list[_Watched]) -> None:
        alive = {one.spec.name: one.child for one in watched if one.child}
        for child in alive.values():
            child.ask_to_stop()
        deadline = time.monotonic() + self._policy.drain_s
        while alive and time.monotonic() < deadline and not self._signals.insisted:
            alive = {name: child for name, child in alive.items() if child.exit_code() is None}
            if alive:
                time.sleep(POLL_S)
        for name, child in alive.items():
            why = (
                "as asked" if self._signals.insisted else f"it did not end within {self._policy.drain_s:g} s"
            )
            say(f"killing {name}: {why}")
            child.kill()
