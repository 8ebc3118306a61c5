"""Ends the process when it hangs. Signals cannot: native code does not return to Python to see them."""

import faulthandler
import os
import sys
import time

from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
EXIT_CODE = 70


class Watchdog:
    """`pet` it from the main loop. Two ways in which it bites: a picture that takes longer than the time-out,
    and a main loop that no longer runs at all (a native call that keeps the interpreter's lock)."""

    def __init__(self, *, timeout_s: float, grace_s: float = 10.0) -> None:
        self._timeout_s = timeout_s
        self._grace_s = grace_s
        self._armed_s = 0.0

    def pet(self, oldest_began_s: float | None) -> None:
        """Say that the loop runs, and since when (monotonic) its oldest picture has been worked on."""
        now_s = time.monotonic()
        if oldest_began_s is not None and now_s - oldest_began_s > self._timeout_s:
            _log.error("watchdog.picture_hangs", after_s=round(now_s - oldest_began_s, 1))
            sys.stderr.flush()
            os._exit(EXIT_CODE)
        if now_s - self._armed_s > 1.0:
            faulthandler.dump_traceback_later(self._timeout_s + self._grace_s, exit=True)
            self._armed_s = now_s

    def rest(self) -> None:
        """Nothing is being worked on."""
        faulthandler.cancel_dump_traceback_later()
        self._armed_s = 0.0
