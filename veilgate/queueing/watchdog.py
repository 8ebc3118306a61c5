"""Ends the process when it hangs. Signals cannot: native code does not return to Python to see them."""

import faulthandler
import os
import sys
import time

from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
EXIT_CODE = 70
_LONGEST_GRACE_S = 10.0
_ARM_EVERY_S = 0.5


class Watchdog:
    """`pet` it from the main loop. Two ways in which it bites: a picture that takes longer than the time-out,
    and, a grace later, a main loop that does not run (a native call that keeps the interpreter's lock)."""

    def __init__(self, *, timeout_s: float, grace_s: float | None = None) -> None:
        """The grace is as long again as the time-out, and ten seconds at most."""
        self._timeout_s = timeout_s
        self._grace_s = min(timeout_s, _LONGEST_GRACE_S) if grace_s is None else grace_s
        self._armed_s = 0.0

    def pet(self, oldest_began_s: float | None) -> None:
        """Say that the loop runs, and since when (monotonic) its oldest picture has been worked on."""
        now_s = time.monotonic()
        left_s = self._timeout_s - (now_s - (oldest_began_s or now_s))
        if left_s < 0:
            _log.error("watchdog.picture_hangs", after_s=round(self._timeout_s - left_s, 1))
            sys.stderr.flush()
            os._exit(EXIT_CODE)
        if now_s - self._armed_s > _ARM_EVERY_S:
            self.expect_end(within_s=left_s + self._grace_s)
            self._armed_s = now_s

    def expect_end(self, *, within_s: float) -> None:
        """Bite then, unless there is a rest before: whatever goes on now may hang in native code."""
        faulthandler.dump_traceback_later(within_s, exit=True)

    def rest(self) -> None:
        """Nothing is being worked on."""
        faulthandler.cancel_dump_traceback_later()
        self._armed_s = 0.0
