"""The lookups engine: nobody waits for a provider but who asked it, and every lookup ends once."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.unit.stages.stand_in_lookups import (
    Listener,
    Provider,
    Stage,
    asking,
    claimed,
    engine_of,
    never,
    sent_picture,
    well,
)
from tests.waiting import wait_until
from veilgate.domain.errors import ConfigurationError, QueueUnavailable
from veilgate.domain.lookups import Bill, Finding
from veilgate.domain.outcomes import Outcome, OutcomeKind
from veilgate.domain.provider_errors import KeyRefused, LookupFailed, ProviderDown, ProviderThrottled
from veilgate.services.engines.lookup_engine import LookupEngine
from veilgate.stages.lookup_contract import LookupStage, LookupWork
from veilgate.stages.pipeline import Pipeline, begin, join

Open = Callable[..., LookupEngine]


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def open_engine(listener: Listener) -> Iterator[Open]:
    engines: list[LookupEngine] = []

    def open_one(pipeline: Pipeline[LookupStage], **limits: float) -> LookupEngine:
        engines.append(engine_of(pipeline, listener, **limits))
        return engines[-1]

    yield open_one
    for engine in engines:
        engine.close()


def test_what_providers_say_is_heard_as_they_say_it(open_engine: Open, listener: Listener) -> None:
    may_go_on = asyncio.Event()
    slow, quick = Provider("slow", until=may_go_on), Provider("quick")
    engine = open_engine(asking(slow, quick))
    engine.begin(claimed("a"))
    wait_until(lambda: listener.stages_of("a") == ["sent", "quick"], timeout_s=10, what="the quick one")
    assert not listener.ends
    engine._loop.call_soon_threadsafe(may_go_on.set)
    listener.wait_for("a")
    assert listener.stages_of("a") == ["sent", "quick", "slow"]
    end = listener.ends["a"]
    assert end.error is None
    assert end.providers == {"slow", "quick"}
    assert end.work.every(Finding) == [Finding("quick", "seen by quick"), Finding("slow", "seen by slow")]


def test_many_lookups_wait_side_by_side(open_engine: Open, listener: Listener) -> None:
    """All have asked before the first is answered."""
    asked, all_asked = [], asyncio.Event()

    async def meet(work: LookupWork) -> Outcome:
        asked.append(work.job_id)
        if len(asked) == 300:
            all_asked.set()
        await all_asked.wait()
        return Outcome.produced("x")

    engine = open_engine(Pipeline(sent_picture().then(Stage("meet", meet))))
    names = [f"job-{number}" for number in range(300)]
    began_s = time.monotonic()
    for name in names:
        engine.begin(claimed(name))
    assert time.monotonic() - began_s < 1.0, "begin waits for nobody"
    listener.wait_for(*names)
    wait_until(lambda: engine.under_way == 0, timeout_s=10, what="nothing under way")


def test_a_lookup_ends_in_time_and_the_stages_behind_a_silent_one_have_some(
    open_engine: Open, listener: Listener
) -> None:
    sent = sent_picture()
    silent, other = sent.then(Stage("silent", never)), sent.then(Stage("other"))
    last = join(silent, other).then(Stage("last"), requires=other)
    engine = open_engine(Pipeline(last), timeout_s=0.4)
    engine.begin(claimed("a"))
    listener.wait_for("a")
    assert listener.stages_of("a") == ["sent", "other", "silent", "last"]
    silence = listener.outcome_of("a", "silent")
    assert isinstance(silence.error, ProviderDown)
    assert "in time" in silence.error.message
    assert listener.outcome_of("a", "last").kind is OutcomeKind.PRODUCED
    assert listener.ends["a"].took_ms < 400


def test_whatever_a_stage_raises_is_its_outcome_and_nobody_elses(
    open_engine: Open, listener: Listener
) -> None:
    async def stumble(_work: LookupWork) -> Outcome:
        raise ZeroDivisionError

    async def time_out(_work: LookupWork) -> Outcome:
        raise TimeoutError

    async def give_up(_work: LookupWork) -> Outcome:
        raise asyncio.CancelledError

    sent = sent_picture()
    ends = [sent.then(Stage(answer.__name__, answer)) for answer in (stumble, time_out, give_up, well)]
    behind = ends[0].then(Stage("behind"))
    open_engine(Pipeline(*ends, behind)).begin(claimed("a"))
    listener.wait_for("a")
    for name in ("stumble", "time_out", "give_up"):
        error = listener.outcome_of("a", name).error
        assert error
        assert (error.code, error.retryable) == ("stage_failed", True)
    assert listener.outcome_of("a", "behind") == Outcome.skipped("needs stumble")
    assert listener.outcome_of("a", "well").kind is OutcomeKind.PRODUCED
    assert listener.ends["a"].error is None


def test_without_what_is_sent_nobody_is_asked(open_engine: Open, listener: Listener) -> None:
    async def lose(_work: LookupWork) -> Outcome:
        raise FileNotFoundError

    lost: LookupStage = Stage("lost", lose)
    open_engine(Pipeline(begin(lost, essential=True).then(Stage("asked")))).begin(claimed("a"))
    listener.wait_for("a")
    error = listener.ends["a"].error
    assert error
    assert error.code == "stage_failed"


def billed(error: LookupFailed) -> LookupFailed:
    error.bill = Bill(calls=1, cost_micros=6_500)
    return error


@pytest.mark.parametrize(
    ("failures", "code", "again_in_s"),
    [
        ([KeyRefused(), ProviderThrottled(retry_after_s=7)], "nothing_answered", 7),
        ([ProviderDown(), ProviderThrottled(retry_after_s=7)], "nothing_answered", 0),
        # What may have been paid is not paid again.
        ([billed(ProviderDown()), KeyRefused()], "nothing_answered", None),
        ([billed(ProviderDown()), ProviderThrottled(retry_after_s=7)], "nothing_answered", 7),
        ([KeyRefused(), KeyRefused()], "nothing_answered", None),
        # What is ours and away is waited for, at no attempt's cost.
        ([ProviderDown(), QueueUnavailable()], "queue_unavailable", QueueUnavailable.retry_after_s),
    ],
)
def test_a_lookup_of_whose_providers_none_answered_has_failed(
    open_engine: Open, listener: Listener, failures: list[Exception], code: str, again_in_s: int | None
) -> None:
    providers = [Provider(f"p{number}", error=error) for number, error in enumerate(failures)]
    open_engine(asking(*providers)).begin(claimed("a"))
    listener.wait_for("a")
    error = listener.ends["a"].error
    assert error
    assert (error.code, error.retryable, error.retry_after_s) == (code, again_in_s is not None, again_in_s)


def test_one_answer_is_enough(open_engine: Open, listener: Listener) -> None:
    open_engine(asking(Provider("bad", error=ProviderDown()), Provider("good"))).begin(claimed("a"))
    listener.wait_for("a")
    assert listener.ends["a"].error is None


def test_a_lookup_that_is_abandoned_stops_asking_and_has_no_end(
    open_engine: Open, listener: Listener
) -> None:
    asked, stopped = threading.Event(), threading.Event()

    async def ask_for_ever(work: LookupWork) -> Outcome:
        asked.set()
        try:
            return await never(work)
        finally:
            stopped.set()

    engine = open_engine(Pipeline(sent_picture().then(Stage("asking", ask_for_ever))))
    engine.begin(claimed("a"))
    assert asked.wait(10)
    engine.abandon("a")
    assert stopped.wait(10)
    wait_until(lambda: engine.under_way == 0, timeout_s=10, what="nothing under way")
    assert not listener.ends


def test_what_is_left_at_the_end_is_abandoned(listener: Listener) -> None:
    engine = engine_of(asking(Provider("silent", until=asyncio.Event())), listener)
    engine.begin(claimed("a"))
    wait_until(lambda: listener.stages_of("a") == ["sent"], timeout_s=10, what="the beginning")
    engine.close()
    assert not listener.ends


def test_a_pipeline_that_cannot_be_opened_is_said_to_whoever_wants_it(listener: Listener) -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[Pipeline[LookupStage]]:
        yield read_limits("LOOKUP_LIMITS: no")

    def read_limits(limits: str) -> Pipeline[LookupStage]:
        raise ConfigurationError(limits)

    with pytest.raises(ConfigurationError, match="LOOKUP_LIMITS"):
        LookupEngine(broken, listener, timeout_s=1.0)
