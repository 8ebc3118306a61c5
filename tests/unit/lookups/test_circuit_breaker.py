"""When a provider is left alone, for how long, and what those hear who come meanwhile."""

import pytest

from veilgate.domain.provider_errors import (
    KeyRefused,
    LookupFailed,
    OutOfCredit,
    ProviderBroken,
    ProviderDown,
    ProviderResting,
    ProviderThrottled,
    QuestionRefused,
)
from veilgate.lookups.circuit_breaker import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Watched:
    """A breaker whose time the test moves."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._breaker = CircuitBreaker("somebody", clock=self._clock)

    def later(self, by_s: float) -> None:
        self._clock.now_s += by_s

    def ask(self, *errors: type[LookupFailed] | None) -> None:
        for error in errors:
            with self._breaker.watch():
                if error:
                    raise error

    def fail(self, *errors: type[LookupFailed]) -> None:
        for error in errors:
            with pytest.raises(error):
                self.ask(error)

    def resting_s(self) -> int | None:
        """How long it rests from now; None = it does not."""
        try:
            self._breaker.require_closed()
        except LookupFailed as error:
            return error.retry_after_s
        return None

    def try_twice_at_once(self) -> None:
        with self._breaker.watch(), self._breaker.watch():
            pass


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_rests_after_five_failures_in_a_row(watched: Watched) -> None:
    watched.fail(ProviderDown, ProviderBroken, ProviderDown, ProviderDown)
    assert watched.resting_s() is None
    watched.fail(ProviderDown)
    assert watched.resting_s() == 5
    with pytest.raises(ProviderResting):
        watched.ask(None)


@pytest.mark.parametrize("answered", [None, QuestionRefused, ProviderThrottled])
def test_whatever_is_answered_breaks_the_row(watched: Watched, answered: type[LookupFailed] | None) -> None:
    watched.fail(*[ProviderDown] * 4)
    if answered:
        watched.fail(answered)
    else:
        watched.ask(None)
    watched.fail(*[ProviderDown] * 4)
    assert watched.resting_s() is None


def test_one_alone_tries_when_the_pause_is_over(watched: Watched) -> None:
    watched.fail(*[ProviderDown] * 5)
    watched.later(5)
    with pytest.raises(ProviderResting):
        watched.try_twice_at_once()


def test_pauses_double_up_to_five_minutes(watched: Watched) -> None:
    watched.fail(*[ProviderDown] * 5)
    pauses: list[int] = []
    while (pause_s := watched.resting_s()) and len(pauses) < 9:
        pauses.append(pause_s)
        watched.later(pause_s)
        watched.fail(ProviderDown)
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_is_back_when_the_one_who_tried_was_answered(watched: Watched) -> None:
    watched.fail(*[ProviderDown] * 5)
    watched.later(5)
    watched.ask(None)
    watched.fail(*[ProviderDown] * 4)
    assert watched.resting_s() is None


def test_who_gave_up_trying_leaves_it_to_the_next(watched: Watched) -> None:
    watched.fail(*[ProviderDown] * 5)
    watched.later(5)
    with pytest.raises(KeyboardInterrupt):
        watched.ask(KeyboardInterrupt)  # type: ignore[arg-type]
    watched.ask(None)
    assert watched.resting_s() is None


@pytest.mark.parametrize("error", [KeyRefused, OutOfCredit])
def test_what_people_must_put_right_is_left_for_an_hour_and_named(
    watched: Watched, error: type[LookupFailed]
) -> None:
    watched.fail(error)
    with pytest.raises(error) as refused:
        watched.ask(None)
    assert refused.value.retry_after_s == 3600
    watched.later(3600)
    watched.ask(None)


def test_those_who_were_sent_before_the_pause_change_nothing(watched: Watched) -> None:
    breaker = watched._breaker  # two blocks that overlap cannot be written otherwise
    with breaker.watch():
        watched.fail(*[ProviderDown] * 5)
    assert watched.resting_s() == 5
