"""The careful way to ask a provider: every adapter's questions go through here.

In this order: an answer that is kept, one that is under way, the circuit breaker, a place in the account's
lane, the budget of the day, a moment to send at, HTTP with a time-out of its own, the judge; and the answer
is kept before anybody hears it, so that whoever is killed then does not pay for it again.
"""

import asyncio
import copy
from typing import TYPE_CHECKING

from veilgate.domain.lookups import Asked, Bill
from veilgate.domain.provider_errors import LookupFailed
from veilgate.lookups.answer_cache import AnswerCache, same_question
from veilgate.lookups.attempts import Attempts, Desk
from veilgate.lookups.budgets import DailyBudget
from veilgate.lookups.provider_policies import Policies
from veilgate.lookups.questions import Judge, Question, Told
from veilgate.lookups.running_bill import put_on_bill
from veilgate.lookups.single_flight import SingleFlight
from veilgate.telemetry.metrics import PROVIDER_ANSWERS_KNOWN

if TYPE_CHECKING:
    from veilgate.lookups.http_exchange import HttpExchange


# Where an answer came from that needed no call.
CACHED, SHARED = "cached", "shared"


class Calls:
    """Used on one event loop, and closed there. aiohttp is loaded when somebody is asked for the first
    time: it takes 9 MB, and most houses may ask nobody."""

    def __init__(self, policies: Policies, *, answers: AnswerCache, budget: DailyBudget) -> None:
        self._policies = policies
        self._answers = answers
        self._budget = budget
        self._desks = {policy.account.name: Desk(policy.account) for policy in policies.values()}
        self._under_way: SingleFlight[Told | LookupFailed] = SingleFlight()
        self._opening = asyncio.Lock()
        self._exchange: HttpExchange | None = None

    async def ask(self, question: Question, judge: Judge, *, asked: Asked) -> Told:
        """As `Asks.ask`. Of those who ask the same at once one pays; to the others it is a kept answer.
        Raises `Unavailable` leaves too, when the budget cannot be counted."""

        async def ask_once() -> Told | LookupFailed:
            try:
                return await self._find_or_ask(question, judge, asked)
            except LookupFailed as error:
                return error

        said, is_first = await self._under_way.join(same_question(question, asked), ask_once)
        if not is_first:
            PROVIDER_ANSWERS_KNOWN.labels(question.provider, SHARED).inc()
        if isinstance(said, LookupFailed):
            raise said if is_first else _unpaid(said)
        return said if is_first else Told(said.document, Bill(cached=1))

    def is_resting(self, provider: str) -> bool:
        """Whether it is left alone for a while. May be asked from any thread."""
        return self._desks[self._policies[provider].account.name].breaker.is_open

    async def aclose(self) -> None:
        await self._under_way.close()
        if self._exchange is not None:
            await self._exchange.close()

    async def _find_or_ask(self, question: Question, judge: Judge, asked: Asked) -> Told:
        if kept := await self._answers.find(question, asked):
            PROVIDER_ANSWERS_KNOWN.labels(question.provider, CACHED).inc()
            return Told(kept.document, Bill(cached=1))
        policy = self._policies[question.provider]
        attempts = Attempts(
            question, judge, policy=policy, desk=self._desks[policy.account.name], budget=self._budget
        )
        put_on_bill(attempts)
        exchange = await self._opened()
        try:
            document = await attempts.ask(exchange.send)
        except LookupFailed as error:
            error.bill = attempts.bill
            raise
        await self._answers.keep(question, asked, document, kept_h=policy.kept_h)
        return Told(document, attempts.bill)

    async def _opened(self) -> "HttpExchange":
        async with self._opening:
            if self._exchange is None:
                kind = await asyncio.to_thread(_load_exchange)
                self._exchange = kind()
        return self._exchange


def _unpaid(error: LookupFailed) -> LookupFailed:
    """The same failure for somebody else, whose bill is another's."""
    again = copy.copy(error)
    again.bill = Bill()
    return again


def _load_exchange() -> "type[HttpExchange]":
    from veilgate.lookups.http_exchange import HttpExchange

    return HttpExchange
