"""The wish to stop, as Ctrl-C, SIGTERM and a closed terminal bring it."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# make(1), timeout(1) and the terminal may each deliver one key press; people take longer to press again.
ONE_WISH_S = 0.3


class StopSignals:
    """Remembers what was asked for; whoever works looks here between two steps."""

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self.insisted = False

    @property
    def asked(self) -> bool:
        """Someone wants an orderly end."""
        return self._asked_at is not None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Takes the signals of this process for as long as the block runs."""
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._on_signal) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif number == signal.SIGINT and now - self._asked_at > ONE_WISH_S:
            self.insisted = True
