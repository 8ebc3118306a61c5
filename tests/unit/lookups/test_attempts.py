"""When a question is sent, and who is to blame where it is not, while time leaps and money is counted."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.unit.lookups.leaping_loop import run_leaping
from veilgate.domain.lookups import Bill
from veilgate.domain.provider_errors import BudgetSpent, LookupFailed
from veilgate.lookups.attempts import Attempts, Desk
from veilgate.lookups.budgets import DailyBudget, Reservation
from veilgate.lookups.deadlines import answers_by
from veilgate.lookups.provider_policies import ProviderPolicy, read_policies
from veilgate.lookups.questions import Question, Reply
from veilgate.lookups.sending import Fate
from veilgate.lookups.single_flight import SingleFlight

NAME, PRICE = "vision_model", 6000
LIMITS = f"{NAME}.concurrency=2,{NAME}.per_second=1000,{NAME}.attempts=1"


class Purse(DailyBudget):
    """So many questions can be paid for; nobody else counts."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    async def reserve(self, policy: ProviderPolicy, *, units: int) -> Reservation:
        if not self.left:
            raise BudgetSpent
        self.left -= 1
        return Reservation("count", policy.account.name, policy.cost_micros(units))

    async def give_back(self, _reservation: Reservation, *, was_sent: bool) -> None:
        assert not was_sent
        self.left += 1


class House:
    """One account of a provider that answers after `takes_s`, over connections that open after `opens_s`."""

    def __init__(self, *, takes_s: float, opens_s: float = 0.0, questions: int = 1000) -> None:
        self.takes_s, self.opens_s = takes_s, opens_s
        self.sent = self.answered = 0
        self.purse = Purse(questions)
        self._policy = read_policies(LIMITS)[NAME]
        self._desk = Desk(self._policy.account)

    async def send(self, question: Question, *, timeout_s: float, fate: Fate) -> Reply:
        assert (question.provider, timeout_s) == (NAME, self._policy.timeout_s)
        await asyncio.sleep(self.opens_s)
        fate.was_sent = True
        self.sent += 1
        await asyncio.sleep(self.takes_s)
        self.answered += 1
        return Reply(200, {}, {}, "")

    def attempts(self) -> Attempts:
        question = Question(NAME, "http://provider.invalid", "", "")
        return Attempts(
            question, lambda _reply: "told", policy=self._policy, desk=self._desk, budget=self.purse
        )

    async def ask(self, *, within_s: float) -> str:
        """What was told, or the code of the failure; at the deadline the one who asked is gone."""
        until_s = asyncio.get_running_loop().time() + within_s
        with answers_by(until_s):
            return await self._said(self.attempts())

    async def _said(self, attempts: Attempts) -> str:
        try:
            return str(await attempts.ask(self.send))
        except LookupFailed as error:
            self.bill = attempts.bill
            return error.code


def said(work: Callable[[], Awaitable[list[str]]]) -> list[str]:
    async def within_reason() -> list[str]:
        return await work()

    return run_leaping(within_reason())


def test_nothing_is_sent_that_would_not_be_answered_in_time_any_more() -> None:
    house = House(takes_s=2)

    async def work() -> list[str]:
        learnt = await house.ask(within_s=30)
        return [learnt, *await asyncio.gather(*(house.ask(within_s=7) for _ in range(20)))]

    told = said(work)
    # Three rounds of two have ended after six seconds; the next would need two where there is one.
    assert sorted(told) == ["provider_busy"] * 14 + ["told"] * 7
    assert house.sent == house.answered == 7
    assert house.purse.left == 1000 - 7


def test_not_even_where_nothing_is_known_of_the_provider() -> None:
    house = House(takes_s=2)

    async def work() -> list[str]:
        return [await house.ask(within_s=0.2)]

    assert said(work) == ["provider_busy"]
    assert house.sent == 0


def test_one_that_was_slow_a_minute_ago_is_asked_again() -> None:
    house = House(takes_s=4)

    async def work() -> list[str]:
        slow, house.takes_s = await house.ask(within_s=30), 1
        at_once = await house.ask(within_s=3)
        await asyncio.sleep(60)
        return [slow, at_once, await house.ask(within_s=3)]

    assert said(work) == ["told", "provider_busy", "told"]


@pytest.mark.parametrize(
    ("within_s", "then"), [(3.0, "told"), (8.0, "provider_resting")], ids=["ours", "its own"]
)
def test_a_time_out_that_is_our_fault_does_not_count_against_the_provider(within_s: float, then: str) -> None:
    house = House(takes_s=20)

    async def work() -> list[str]:
        failed = [await house.ask(within_s=within_s) for _ in range(6)]
        house.takes_s = 1
        return [failed[0], await house.ask(within_s=30)]

    assert said(work) == ["provider_down", then]


def test_who_waits_in_line_holds_no_money() -> None:
    house = House(takes_s=1, questions=3)

    async def work() -> list[str]:
        asking = [asyncio.create_task(house.ask(within_s=60)) for _ in range(8)]
        await asyncio.sleep(0.5)
        held = [str(house.purse.left)]
        return [*held, *await asyncio.gather(*asking)]

    assert said(work) == ["1", *["told"] * 3, *["budget_spent"] * 5]


def test_what_is_cut_before_there_is_a_connection_is_not_billed() -> None:
    house = House(takes_s=1, opens_s=4)

    async def work() -> list[str]:
        return [await house.ask(within_s=3)]

    assert said(work) == ["provider_down"]
    assert (house.bill, house.purse.left) == (Bill(), 1000)


def test_what_is_under_way_is_on_the_bill() -> None:
    house = House(takes_s=10)

    async def work() -> Bill:
        attempts = house.attempts()
        asking = asyncio.create_task(attempts.ask(house.send))
        await asyncio.sleep(1)
        asking.cancel()
        return attempts.bill

    assert run_leaping(work()) == Bill(calls=1, cost_micros=PRICE)


@pytest.mark.parametrize("busy", [0, 2], ids=["sent", "in line"])
def test_who_has_more_time_keeps_a_question_that_others_have_too_little_for(busy: int) -> None:
    house, flights = House(takes_s=5), SingleFlight[str]()

    async def join(within_s: float) -> str:
        with answers_by(asyncio.get_running_loop().time() + within_s):
            return (await flights.join("a", lambda: house._said(house.attempts())))[0]

    async def work() -> list[str]:
        before = [asyncio.create_task(house.ask(within_s=30)) for _ in range(busy)]
        await asyncio.sleep(0.1)
        first = asyncio.create_task(join(2))
        await asyncio.sleep(1)
        told = await join(30)
        await asyncio.gather(first, *before)
        return [told]

    assert said(work) == ["told"]
    assert house.sent == busy + 1, "and it is paid once"
