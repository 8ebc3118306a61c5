"""The wish that this process ends, heard from its first line to its last.

Libraries hear of it only while they run, and some give the signal back afterwards, so that an orderly end
looks like a violent one. Whoever starts a process listens here before anything slow is imported.
"""

import signal
from collections.abc import Callable
from types import FrameType

_ASKS_TO_END = (signal.SIGTERM, signal.SIGINT)
Handler = Callable[[int, FrameType | None], object]


class StopRequest:
    """Listens from when it is made. Nothing is interrupted: whoever works looks at `asked` between two steps,
    or has a handler called."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._handlers: list[Handler] = []
        for number in _ASKS_TO_END:
            signal.signal(number, self._hear)

    @property
    def asked(self) -> bool:
        return self._first is not None

    def tell(self, handler: Handler) -> None:
        """Call `handler` in the main thread at each request; at once if there was one.

        It runs between any two steps of that thread, and so must take no lock: an event's `set` would wait
        for ever for the `wait` that it interrupted.
        """
        self._handlers.append(handler)
        if self._first is not None:
            handler(self._first, None)

    def is_granted(self) -> None:
        """Nothing is left but the interpreter's own end, during which no handler can be called any more."""
        for number in _ASKS_TO_END:
            signal.signal(number, signal.SIG_IGN)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._first is None:
            self._first = number
        for handler in self._handlers:
            handler(number, frame)
