"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(
    condition: Callable[[], Found | None], *, timeout_s: float, what: str, poll_s: float = 0.02
) -> Found:
    """Returns the first true value of `condition`; after timeout_s, fails and says `what` was awaited."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout_s:g} s still waiting: {what}")
        time.sleep(poll_s)


def happens_within(condition: Callable[[], bool], timeout_s: float, *, poll_s: float = 0.02) -> bool:
    """Whether `condition` became true in that time; returns as soon as it did."""
    deadline = time.monotonic() + timeout_s
    while not (has_happened := condition()) and time.monotonic() < deadline:
        time.sleep(poll_s)
    return has_happened
