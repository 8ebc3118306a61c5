"""Leaving a provider alone that does not work: for its sake, and for that of who would wait for it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from veilgate.domain.provider_errors import (
    KeyRefused,
    LookupFailed,
    OutOfCredit,
    ProviderBroken,
    ProviderDown,
    ProviderResting,
)
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_IN_A_ROW = 5
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 300.0
# A key or an account is put right by people.
_UNTIL_PUT_RIGHT_S = 3600.0
_SICK = (ProviderDown, ProviderBroken)
_SHUT = (KeyRefused, OutOfCredit)


@dataclass(frozen=True, slots=True)
class _Rest:
    """`failed_as`: what those hear who come meanwhile."""

    until_s: float
    pause_s: float
    failed_as: type[LookupFailed]


class CircuitBreaker:
    """Of one account, in one process. After five failures in a row nobody is let through for a pause, then
    one alone; when that one fails too, the pause is twice as long. What is refused is no failure: it was
    answered. A key that is not taken, or an account with nothing left, is not tried again for an hour."""

    def __init__(self, account: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._account = account
        self._clock = clock
        self._failures = 0
        self._rest: _Rest | None = None
        self._is_tried = False

    @property
    def is_open(self) -> bool:
        """Whether nobody is let through now, not even one alone."""
        return self._rest is not None and self._rest.until_s > self._clock()

    def require_closed(self) -> None:
        """Raises `ProviderResting`, or what the account was shut with, when nobody would be let through."""
        rest = self._rest
        if rest is None:
            return
        left_s = rest.until_s - self._clock()
        if left_s > 0 or self._is_tried:
            # Who is trying just now will know in a moment.
            raise rest.failed_as(retry_after_s=max(1, round(left_s)))

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Learns from how the block ends. Raises as `require_closed`."""
        self.require_closed()
        is_trial = self._is_tried = self._rest is not None
        try:
            yield
        except LookupFailed as error:
            self._note(error, is_trial=is_trial)
            raise
        else:
            self._note(None, is_trial=is_trial)
        finally:
            if is_trial:
                self._is_tried = False

    def _note(self, error: LookupFailed | None, *, is_trial: bool) -> None:
        if self._rest is not None and not is_trial:
            return  # sent before the pause began: it says nothing new
        if isinstance(error, _SHUT):
            self._open(_UNTIL_PUT_RIGHT_S, type(error), said=error.code)
        elif isinstance(error, _SICK):
            self._failures += 1
            if is_trial or self._failures >= _IN_A_ROW:
                self._open(self._next_pause_s(), ProviderResting, said=error.code)
        else:
            self._close()

    def _next_pause_s(self) -> float:
        if self._rest is None or self._rest.failed_as is not ProviderResting:
            return _FIRST_PAUSE_S
        return min(_LONGEST_PAUSE_S, 2 * self._rest.pause_s)

    def _open(self, pause_s: float, failed_as: type[LookupFailed], *, said: str) -> None:
        self._rest = _Rest(self._clock() + pause_s, pause_s, failed_as)
        _log.warning("provider.resting", account=self._account, pause_s=pause_s, reason=said)

    def _close(self) -> None:
        self._failures = 0
        if self._rest is not None:
            self._rest = None
            _log.info("provider.back", account=self._account)
