"""Counting in this process alone: what took place here, for as long as Redis cannot be asked."""

import math
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

# A window is counted in this many pieces, and what a piece holds counts as of its last moment: nobody is ever
# let through too early, and at most a 600th of the window too late, 0.1 s of a minute, 6 s of an hour.
PIECES = 600
# Those heard of least recently are forgotten: callers that were never seen before must not fill the memory.
_MOST_KEYS = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """`wait_s` is how long until as much again is admitted; 0 = now."""

    is_admitted: bool
    wait_s: float

    @property
    def retry_after_s(self) -> int:
        """The same in whole seconds: who waits that long is admitted, who waits one less is not."""
        return max(1, math.ceil(self.wait_s))


@dataclass(slots=True)
class _Window:
    """What one key did: times with amounts, the oldest first."""

    length_s: int
    entries: deque[tuple[float, int]] = field(default_factory=deque)
    total: int = 0

    def forget(self, now_s: float) -> None:
        while self.entries and self.entries[0][0] + self.length_s <= now_s:
            self.total -= self.entries.popleft()[1]

    def add(self, amount: int, now_s: float) -> None:
        self.total += amount
        if self.entries and self._piece(self.entries[-1][0]) == self._piece(now_s):
            amount += self.entries.pop()[1]
        self.entries.append((now_s, amount))

    def wait_s(self, excess: int, now_s: float) -> float:
        """How long until so much is past."""
        for at_s, amount in self.entries:
            if excess <= 0:
                break
            excess -= amount
            if excess <= 0:
                return at_s + self.length_s - now_s
        return 0.0

    def _piece(self, at_s: float) -> int:
        return int(at_s * PIECES / self.length_s)


class LocalCounts:
    """For the event loop's thread alone, as nothing here is locked. Steps of the clock do not reach it."""

    def __init__(self) -> None:
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def take(self, key: str, amount: int, *, limit: int, window_s: int) -> Verdict:
        """Count `amount` if the limit allows it."""
        now_s = time.monotonic()
        window = self._current(key, window_s, now_s)
        is_admitted = window.total + amount <= limit
        if is_admitted:
            window.add(amount, now_s)
        return Verdict(is_admitted, window.wait_s(window.total + amount - limit, now_s))

    def note(self, key: str, amount: int, *, window_s: int) -> None:
        """Count what somebody else has admitted."""
        now_s = time.monotonic()
        self._current(key, window_s, now_s).add(amount, now_s)

    def _current(self, key: str, window_s: int, now_s: float) -> _Window:
        """The key's window without what is past."""
        window = self._windows.setdefault(key, _Window(window_s))
        self._windows.move_to_end(key)
        if len(self._windows) > _MOST_KEYS:
            self._windows.popitem(last=False)
        window.forget(now_s)
        return window
