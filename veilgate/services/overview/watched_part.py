"""Something the house depends on, and a thread that asks it whether it works."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

# While something is wrong it is asked this often, whether or not anybody wants to know.
_EVERY_S = 2.0


class NoAnswer(Exception):
    """The part hangs: it has neither answered nor failed in the time given."""


@dataclass(frozen=True, slots=True)
class State:
    """`error` says what is wrong, `since_s` (epoch) since when; both are None when all is well."""

    error: Exception | None
    since_s: float | None


class WatchedPart:
    """Asked by one thread of its own: a part that hangs holds up nobody else, however many ask.

    What is wrong or suspected is asked again until it is right, so that `since_s` is the beginning of this
    outage, and neither of one before it nor of the first question after it.
    """

    def __init__(self, name: str, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._news = threading.Condition()
        # Rounds of asking, by number: a round that began before a question says nothing about now.
        self._wanted = self._begun = self._ended = 0
        self._began_at_s = 0.0
        self._error: Exception | None = None
        self._since_s: float | None = None
        self._is_closed = False
        threading.Thread(target=self._loop, name=f"watch-{name}", daemon=True).start()

    def suspect(self) -> None:
        """Somebody met an error that may be this part's: find out, and do not wait for it."""
        with self._news:
            if self._since_s is None:
                self._since_s = time.time()
                self._want()

    def begin(self) -> int:
        """Ask; the number returned is for `state`."""
        with self._news:
            return self._want()

    def state(self, asked: int, *, until_s: float) -> State:
        """What came of it, at the latest at `until_s` (of `time.monotonic`)."""
        with self._news:
            patience_s = max(until_s - time.monotonic(), 0)
            if self._news.wait_for(lambda: self._ended >= asked, patience_s):
                return State(self._error, self._since_s if self._error else None)
            return State(NoAnswer(), self._since_s or self._began_at_s)

    def close(self) -> None:
        """Ask no more. Waits for nobody: the part may hang."""
        with self._news:
            self._is_closed = True
            self._news.notify_all()

    def _want(self) -> int:
        self._wanted = self._begun + 1
        self._news.notify_all()
        return self._wanted

    def _loop(self) -> None:
        while self._wait_for_a_round():
            error = self._try()
            with self._news:
                self._ended, self._error = self._begun, error
                if error is not None:
                    self._since_s = self._since_s or self._began_at_s
                elif self._since_s and self._since_s <= self._began_at_s:  # a younger suspicion is still open
                    self._since_s = None
                self._news.notify_all()

    def _wait_for_a_round(self) -> bool:
        with self._news:
            patience_s = None if self._since_s is None else _EVERY_S
            self._news.wait_for(lambda: self._is_closed or self._wanted > self._begun, patience_s)
            self._begun += 1
            self._began_at_s = time.time()
            return not self._is_closed

    def _try(self) -> Exception | None:
        try:
            self._ask()
        except Exception as error:  # noqa: BLE001 - whoever asked hears of it
            return error
        return None
