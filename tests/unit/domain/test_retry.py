"""Whether a job gets another try, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilgate.domain.errors import (
    DecodeTimeout,
    DeviceLost,
    DiskFull,
    ObjectStoreUnavailable,
    OriginalDamaged,
    StageFailed,
    UndecodablePicture,
    VeilgateError,
)
from veilgate.domain.provider_errors import ProviderThrottled
from veilgate.domain.retry import RetryPolicy, costs_attempt, costs_delivery, decide_retry

POLICY = RetryPolicy(max_attempts=4, first_delay_s=2.0, max_delay_s=5.0)


@pytest.mark.parametrize("error", [UndecodablePicture(), DecodeTimeout()])
def test_what_cannot_change_is_not_tried_again(error: VeilgateError) -> None:
    assert not decide_retry(error, attempts=1, starts=1, policy=POLICY, jitter=0.5).again


@pytest.mark.parametrize("error", [StageFailed(), OriginalDamaged()])
def test_what_may_pass_is_tried_until_the_attempts_are_spent(error: VeilgateError) -> None:
    again = [
        decide_retry(error, attempts=count, starts=count, policy=POLICY, jitter=0).again
        for count in range(1, 6)
    ]
    assert again == [True, True, True, False, False]


@pytest.mark.parametrize("error", [ObjectStoreUnavailable(), DiskFull()])
def test_what_is_away_is_waited_for_at_no_attempt(error: VeilgateError) -> None:
    assert not costs_attempt(error)
    assert not costs_delivery(error)
    decision = decide_retry(error, attempts=POLICY.max_attempts, starts=100_000, policy=POLICY, jitter=1)
    assert decision.again
    assert decision.delay_s == POLICY.max_delay_s


@pytest.mark.parametrize("error", [StageFailed(), DeviceLost()])
def test_a_start_counts_where_the_picture_may_be_to_blame(error: VeilgateError) -> None:
    assert costs_delivery(error)


def test_who_was_told_when_to_come_back_comes_no_sooner() -> None:
    told = ProviderThrottled(retry_after_s=90)
    delays = [decide_retry(told, attempts=1, starts=1, policy=POLICY, jitter=jitter) for jitter in (0, 1)]
    assert [delay.delay_s for delay in delays] == [90.0, 180.0]
    at_once = ProviderThrottled(retry_after_s=0)
    assert decide_retry(at_once, attempts=1, starts=1, policy=POLICY, jitter=1).delay_s == 2.0


def test_the_delay_doubles_up_to_its_ceiling() -> None:
    assert [_delay_s(starts, jitter=1) for starts in (1, 2, 3)] == [2.0, 4.0, 5.0]


@given(st.integers(1, 3), st.floats(0, 1))
def test_chance_moves_a_delay_within_its_upper_half(starts: int, jitter: float) -> None:
    longest_s = _delay_s(starts, jitter=1)
    assert longest_s / 2 <= _delay_s(starts, jitter=jitter) <= longest_s


def _delay_s(starts: int, *, jitter: float) -> float:
    return decide_retry(StageFailed(), attempts=1, starts=starts, policy=POLICY, jitter=jitter).delay_s
