"""Hearing of the end in time."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_ASKS_TO_END = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def on_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Calls `stop` as soon as the process is asked to end, before whoever else handles the signal.

    The server tells the application only when every connection is closed, and one that watches a job stays
    open until the server loses patience: 20 s, and an error for the caller, without this.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are heard by the main thread alone
        return
    handlers = {number: signal.getsignal(number) for number in _ASKS_TO_END}

    def handle(number: int, frame: FrameType | None) -> None:
        stop()
        handler = handlers[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in handlers:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
