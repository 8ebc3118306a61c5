"""What was asked is on its owner's account, however the stage that asked came to its end."""

import asyncio

import pytest

from tests.unit.stages.stand_in_lookups import Listener, Stage, claimed, engine_of, never, sent_picture
from tests.waiting import wait_until
from veilgate.domain.errors import QueueUnavailable
from veilgate.domain.lookups import Bill
from veilgate.domain.outcomes import Outcome
from veilgate.lookups.running_bill import put_on_bill
from veilgate.services.engines.bills import bill_of
from veilgate.services.engines.lookup_engine import LookupEngine
from veilgate.services.jobs.results import outcome_payload
from veilgate.stages.lookup_contract import LookupWork
from veilgate.stages.pipeline import Pipeline

PAID = Bill(calls=1, cost_micros=15_000)


class Question:
    """Grows dearer after it was put on the bill, in a task of its own, as questions do."""

    def __init__(self) -> None:
        self.bill = Bill()

    async def ask(self) -> None:
        put_on_bill(self)
        await asyncio.sleep(0)
        self.bill = PAID


async def pay_and_hang(work: LookupWork) -> Outcome:
    await asyncio.create_task(Question().ask())
    return await never(work)


async def pay_and_find_redis_away(_work: LookupWork) -> Outcome:
    await asyncio.create_task(Question().ask())
    raise QueueUnavailable


async def pay_and_give_up(_work: LookupWork) -> Outcome:
    await asyncio.create_task(Question().ask())
    raise asyncio.CancelledError


def _engine(answer: Stage, listener: Listener, *, timeout_s: float = 30.0) -> LookupEngine:
    return engine_of(Pipeline(sent_picture().then(answer)), listener, timeout_s=timeout_s)


@pytest.mark.parametrize("answer", [pay_and_hang, pay_and_find_redis_away, pay_and_give_up])
def test_a_stage_that_fails_has_come_to_what_it_asked(answer: object) -> None:
    listener = Listener()
    engine = _engine(Stage("asking", answer), listener, timeout_s=0.4)  # type: ignore[arg-type]
    engine.begin(claimed("a"))
    listener.wait_for("a")
    engine.close()
    failed = listener.outcome_of("a", "asking")
    assert bill_of(failed) == PAID
    assert outcome_payload(failed)["cost"] == PAID.as_dict()
    assert listener.stages_of("a") == ["sent", "asking"], "once"


def test_a_lookup_that_is_abandoned_has_come_to_what_it_asked() -> None:
    listener, asked = Listener(), asyncio.Event()

    async def pay_and_tell(work: LookupWork) -> Outcome:
        await asyncio.create_task(Question().ask())
        asked.set()
        return await never(work)

    engine = _engine(Stage("asking", pay_and_tell), listener)
    engine.begin(claimed("a"))
    wait_until(asked.is_set, timeout_s=10, what="the question")
    engine.abandon("a")
    wait_until(lambda: "asking" in listener.stages_of("a"), timeout_s=10, what="the bill")
    assert bill_of(listener.outcome_of("a", "asking")) == PAID
    engine.begin(claimed("b"))
    wait_until(lambda: "sent" in listener.stages_of("b"), timeout_s=10, what="another")
    engine.close()
    assert not listener.ends
