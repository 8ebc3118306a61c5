"""One question, put again until it is answered or there is no use in asking on."""

import asyncio
import math
from typing import Any

from veilgate.domain.errors import Unavailable
from veilgate.domain.lookups import Bill
from veilgate.domain.provider_errors import (
    BudgetSpent,
    LookupFailed,
    ProviderBusy,
    ProviderDown,
    ProviderResting,
)
from veilgate.lookups.budgets import DailyBudget
from veilgate.lookups.circuit_breaker import CircuitBreaker
from veilgate.lookups.deadlines import deadline_s, time_left_s
from veilgate.lookups.latency import Latency
from veilgate.lookups.pacing import Lane
from veilgate.lookups.provider_policies import MICROS, Account, ProviderPolicy
from veilgate.lookups.questions import Judge, Question, Reply
from veilgate.lookups.retrying import asked_to_wait_s, pause_s
from veilgate.lookups.sending import Fate, NeverSent, Send, Unanswered
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import PROVIDER_CALL_SECONDS, PROVIDER_CALLS, PROVIDER_COST_USD

_log = get_logger(__name__)
_LAST_WORDS_S = 0.1
# Timers ring a hair early.
_NOTHING_S = 0.001
# What a question is taken to need: as long as of late, but whoever has so much left may always ask.
_NEEDED_AT_FIRST_S, _MOST_NEEDED_S = 0.25, 5.0
# Times as long as is usual: who had that, and was not answered, has something to say of the provider.
_FAIR = 3
# How calls end, as Prometheus is told, beside the codes of errors: the second, where nobody waits any more.
ANSWERED, CUT_OFF = "answered", "cut_off"
_NOT_LET_THROUGH = (ProviderBusy, ProviderResting, BudgetSpent, Unavailable)


class _CutShort(Exception):
    """There was too little time for an answer: not the provider's fault, and no matter of the breaker."""


class Desk:
    """Where an account's questions go out, shared by all its providers."""

    def __init__(self, account: Account) -> None:
        self.lane = Lane(concurrency=account.concurrency, per_second=account.per_second)
        self.breaker = CircuitBreaker(account.name)
        self.latency = Latency()


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
        self._requests: list[Fate] = []

    @property
    def bill(self) -> Bill:
        """With the request that is under way."""
        return sum((request.bill for request in self._requests), Bill())

    async def ask(self, send: Send) -> Any:
        """What the judge makes of the answer. Raises a `LookupFailed` leaf or an `Unavailable` one. Where too
        little time is left to be answered nothing is sent: `ProviderBusy`."""
        failure: LookupFailed | None = None
        for attempt in range(1, self._policy.attempts + 1):
            if failure is not None:
                await self._pause(failure, attempt - 1)
            try:
                return await self._in_line(send, attempt)
            except _NOT_LET_THROUGH as refusal:
                raise failure or refusal from None
            except LookupFailed as error:
                failure = error
        assert failure is not None
        raise failure

    async def _pause(self, failure: LookupFailed, attempt: int) -> None:
        """Raises the failure where waiting for another answer is of no use."""
        wait_s = pause_s(self._policy, attempt, failure.retry_after_s)
        is_too_long = wait_s > self._spare_s(unless_said=self._policy.longest_pause_s)
        if not failure.retryable or self.bill.cost_micros or is_too_long:
            raise failure
        await asyncio.sleep(wait_s)

    async def _in_line(self, send: Send, attempt: int) -> Any:
        while True:
            known_s = deadline_s()
            try:
                return await self._once(send, attempt)
            except ProviderBusy:
                if deadline_s() <= known_s:
                    raise
                # Somebody who has more time waits for it too by now.

    async def _once(self, send: Send, attempt: int) -> Any:
        self._desk.breaker.require_closed()
        usual_s = self._desk.latency.usual_s or 0.0
        async with self._desk.lane.place(patience_s=self._spare_s(), usual_s=usual_s):
            # Not before: who waits for a place would hold money that others could spend. Not later either:
            # whose moment has come sends at once, or the pace would be that of Redis.
            reservation = await self._budget.reserve(self._policy, units=self._question.units)
            fate = Fate(reservation.cost_micros)
            self._requests.append(fate)
            try:
                return await self._at_its_moment(send, fate, attempt)
            finally:
                PROVIDER_COST_USD.labels(self._policy.name).inc(fate.bill.cost_micros / MICROS)
                if not fate.is_billed:
                    await self._budget.give_back(reservation, was_sent=fate.was_sent)

    async def _at_its_moment(self, send: Send, fate: Fate, attempt: int) -> Any:
        await self._desk.lane.moment(patience_s=self._spare_s())
        try:
            # It may have been opened by those who were before us in the lane.
            with self._desk.breaker.watch():
                return await self._exchange(send, fate, attempt)
        except _CutShort as error:
            raise ProviderDown(str(error)) from None

    async def _exchange(self, send: Send, fate: Fate, attempt: int) -> Any:
        began_s, failed_as, outcome = self._now_s(), None, CUT_OFF
        try:
            reply = await self._send(send, fate)
            fate.status = reply.status
            if fate.is_billed:
                self._desk.latency.note(self._now_s() - began_s)
            document = self._judged(reply)
        except LookupFailed as error:
            failed_as = outcome = error.code
            raise
        except _CutShort:
            failed_as = ProviderDown.code
            raise
        else:
            outcome = ANSWERED
            return document
        finally:
            took_s = self._now_s() - began_s
            name, status, ms = self._policy.name, fate.status, round(took_s * 1000)
            PROVIDER_CALLS.labels(name, outcome).inc()
            PROVIDER_CALL_SECONDS.labels(name).observe(took_s)
            say = _log.warning if failed_as else _log.debug
            say("provider.asked", provider=name, status=status, error=failed_as, ms=ms, attempt=attempt)

    async def _send(self, send: Send, fate: Fate) -> Reply:
        began_s = self._now_s()
        sending = asyncio.ensure_future(send(self._question, timeout_s=self._policy.timeout_s, fate=fate))
        try:
            # The deadline is later by now where somebody has joined who has more time.
            while not sending.done() and (left_s := self._left_s()) > _NOTHING_S:
                await asyncio.wait([sending], timeout=left_s if left_s < math.inf else None)
            if not sending.done():
                raise self._cut(self._now_s() - began_s)
            return sending.result()
        except (NeverSent, Unanswered) as error:
            raise ProviderDown(str(error)) from None
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def _cut(self, after_s: float) -> Exception:
        usual_s = self._desk.latency.usual_s
        fair_s = _MOST_NEEDED_S if usual_s is None else _FAIR * usual_s
        said = f"It did not answer within {after_s:.3g} seconds."
        return ProviderDown(said) if after_s >= min(self._policy.timeout_s / 2, fair_s) else _CutShort(said)

    def _judged(self, reply: Reply) -> Any:
        try:
            return self._judge(reply)
        except LookupFailed as error:
            error.retry_after_s = asked_to_wait_s(error, reply)
            if error.retryable and error.retry_after_s:
                # For all who ask this provider: the next one would only hear the same.
                self._desk.lane.hold_for(error.retry_after_s)
            raise

    def _left_s(self) -> float:
        """Until shortly before the deadline, so that what was spent is still heard of."""
        return time_left_s() - _LAST_WORDS_S

    def _spare_s(self, *, unless_said: float = math.inf) -> float:
        """How late it may be sent and still be answered; less than nothing where it is too late."""
        left_s = self._left_s()
        if left_s == math.inf:
            return unless_said
        usual_s = self._desk.latency.usual_s
        needed_s = _NEEDED_AT_FIRST_S if usual_s is None else usual_s
        return left_s - min(needed_s, _MOST_NEEDED_S, self._policy.timeout_s / 2)

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
