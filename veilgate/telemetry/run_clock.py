"""How long models run: for Prometheus, and for whoever has the pictures that they run for."""

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from veilgate.telemetry.metrics import DEVICE_BUSY_SECONDS


@dataclass(slots=True)
class DeviceTime:
    """Of the runs of models on one thread, while somebody wants to know."""

    spent_s: float = 0.0


_WANTED: ContextVar[DeviceTime | None] = ContextVar("device_time", default=None)


class RunClock:
    """Counts the device seconds of one model: runs on `device`, without what they wait for each other."""

    def __init__(self, device: str) -> None:
        self._busy_s = DEVICE_BUSY_SECONDS.labels(device)

    @contextlib.contextmanager
    def run(self) -> Iterator[None]:
        """One run, entered when the device is its own."""
        began_s = time.monotonic()
        try:
            yield
        finally:
            took_s = time.monotonic() - began_s
            self._busy_s.inc(took_s)
            if wanted := _WANTED.get():
                wanted.spent_s += took_s


@contextlib.contextmanager
def device_time() -> Iterator[DeviceTime]:
    """What the runs within it, on this thread, come to."""
    wanted = DeviceTime()
    before = _WANTED.set(wanted)
    try:
        yield wanted
    finally:
        _WANTED.reset(before)
