"""Deadlocks: a server ends one of two transactions that wait for each other, and expects it to come again."""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from veilgate.domain.errors import DatabaseUnavailable
from veilgate.persistence.driver_errors import is_deadlock
from veilgate.persistence.engine import PATIENCE_S

P = ParamSpec("P")
R = TypeVar("R")
_MOST_TRIES = 5
_LONGEST_PAUSE_S = 0.05


def again_after_deadlock(transaction: Callable[P, R]) -> Callable[P, R]:
    """For a function that is exactly one transaction: runs it again when the database undid it for another's
    sake, at most five times and for five seconds."""

    @wraps(transaction)
    def repeated(*args: P.args, **kwargs: P.kwargs) -> R:
        began_s = time.monotonic()
        tries = 0
        while True:
            tries += 1
            try:
                return transaction(*args, **kwargs)
            except DatabaseUnavailable as error:
                overdue = time.monotonic() - began_s > PATIENCE_S
                if not is_deadlock(error) or overdue or tries == _MOST_TRIES:
                    raise
            # Unequal pauses, or the same two meet again.
            time.sleep(random.uniform(0, _LONGEST_PAUSE_S * tries))  # noqa: S311 - not a secret

    return repeated
