"""One question, put again until it is answered or there is no use in asking on."""

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Any

from veilgate.domain.errors import Unavailable
from veilgate.domain.lookups import Bill
from veilgate.domain.provider_errors import (
    BudgetSpent,
    LookupFailed,
    ProviderDown,
    ProviderResting,
    ProviderThrottled,
)
from veilgate.lookups.budgets import DailyBudget
from veilgate.lookups.circuit_breaker import CircuitBreaker
from veilgate.lookups.deadlines import time_left_s
from veilgate.lookups.pacing import Lane
from veilgate.lookups.provider_policies import Account, ProviderPolicy
from veilgate.lookups.questions import Judge, Question, Reply
from veilgate.lookups.retrying import asked_to_wait_s, pause_s
from veilgate.lookups.sending import NeverSent, Send, Unanswered
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_BILLED = 200
_LAST_WORDS_S = 0.1
_NOT_LET_THROUGH = (ProviderResting, BudgetSpent, Unavailable)


class Desk:
    """Where an account's questions go out: its lane and its breaker, shared by all its providers."""

    def __init__(self, account: Account) -> None:
        self.lane = Lane(concurrency=account.concurrency, per_second=account.per_second)
        self.breaker = CircuitBreaker(account.name)


@dataclass(slots=True)
class _Fate:
    """What is known of one request."""

    was_sent: bool = False
    is_billed: bool = False


class Attempts:
    """`bill` grows with what is sent. Where a question costs money it is not put again once a request may
    have been billed, be it that the answer was late or made no sense: it is paid once or not at all."""

    def __init__(
        self, question: Question, judge: Judge, *, policy: ProviderPolicy, desk: Desk, budget: DailyBudget
    ) -> None:
        self._question = question
        self._judge = judge
        self._policy = policy
        self._desk = desk
        self._budget = budget
        self.bill = Bill()

    async def ask(self, send: Send) -> Any:
        """What the judge makes of the answer. Raises a `LookupFailed` leaf or an `Unavailable` one."""
        failure: LookupFailed | None = None
        for attempt in range(1, self._policy.attempts + 1):
            if failure is not None:
                await self._pause(failure, attempt - 1)
            try:
                return await self._once(send, attempt)
            except _NOT_LET_THROUGH as refusal:
                raise failure or refusal from None
            except LookupFailed as error:
                failure = error
        assert failure is not None
        raise failure

    async def _pause(self, failure: LookupFailed, attempt: int) -> None:
        """Raises the failure where waiting for another answer is of no use."""
        wait_s = pause_s(self._policy, attempt, failure.retry_after_s)
        if not failure.retryable or self.bill.cost_micros or wait_s > self._patience_s():
            raise failure
        await asyncio.sleep(wait_s)

    async def _once(self, send: Send, attempt: int) -> Any:
        self._desk.breaker.require_closed()
        reservation = await self._budget.reserve(self._policy, units=self._question.units)
        fate = _Fate()
        try:
            async with self._desk.lane.turn(patience_s=self._patience_s()):
                timeout_s = self._timeout_s()
                # It may have been opened by those who were before us in the lane.
                with self._desk.breaker.watch():
                    return await self._exchange(send, fate, timeout_s, attempt)
        finally:
            self.bill += Bill(
                calls=int(fate.was_sent), cost_micros=reservation.cost_micros if fate.is_billed else 0
            )
            if not fate.is_billed:
                await self._budget.give_back(reservation, was_sent=fate.was_sent)

    async def _exchange(self, send: Send, fate: _Fate, timeout_s: float, attempt: int) -> Any:
        began_s, status, failed_as = time.monotonic(), None, None
        try:
            reply = await self._send(send, fate, timeout_s)
            status = reply.status
            return self._judged(reply)
        except LookupFailed as error:
            failed_as = error.code
            raise
        finally:
            took_ms = round((time.monotonic() - began_s) * 1000)
            name = self._policy.name
            _log.info(
                "provider.asked", provider=name, status=status, error=failed_as, ms=took_ms, attempt=attempt
            )

    async def _send(self, send: Send, fate: _Fate, timeout_s: float) -> Reply:
        fate.was_sent = fate.is_billed = True  # whoever is cancelled in the middle does not know better
        try:
            reply = await send(self._question, timeout_s=timeout_s)
        except NeverSent as error:
            fate.was_sent = fate.is_billed = False
            raise ProviderDown(str(error)) from None
        except Unanswered as error:
            raise ProviderDown(str(error)) from None
        fate.is_billed = reply.status == _BILLED
        return reply

    def _judged(self, reply: Reply) -> Any:
        try:
            return self._judge(reply)
        except LookupFailed as error:
            error.retry_after_s = asked_to_wait_s(error, reply)
            if error.retryable and error.retry_after_s:
                # For all who ask this provider: the next one would only hear the same.
                self._desk.lane.hold_for(error.retry_after_s)
            raise

    def _timeout_s(self) -> float:
        """Before the deadline, so that what was spent is still heard of. Raises where no time is left."""
        left_s = time_left_s(unless_said=math.inf) - _LAST_WORDS_S
        if left_s <= 0:
            raise ProviderThrottled("Its turn came too late.")
        return min(self._policy.timeout_s, left_s)

    def _patience_s(self) -> float:
        return time_left_s(unless_said=self._policy.longest_pause_s)
