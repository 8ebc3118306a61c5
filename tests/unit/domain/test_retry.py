"""Whether a job gets another try, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilgate.domain.errors import (
    DecodeTimeout,
    ObjectStoreUnavailable,
    StageFailed,
    UndecodablePicture,
    VeilgateError,
)
from veilgate.domain.retry import RetryPolicy, decide_retry

POLICY = RetryPolicy(max_attempts=4, first_delay_s=2.0, max_delay_s=5.0)


@pytest.mark.parametrize("error", [UndecodablePicture(), DecodeTimeout()])
def test_what_cannot_change_is_not_tried_again(error: VeilgateError) -> None:
    assert not decide_retry(error, attempts=1, policy=POLICY, jitter=0.5).again


@pytest.mark.parametrize("error", [StageFailed(), ObjectStoreUnavailable()])
def test_what_may_pass_is_tried_until_the_attempts_are_spent(error: VeilgateError) -> None:
    again = [decide_retry(error, attempts=count, policy=POLICY, jitter=0).again for count in range(1, 6)]
    assert again == [True, True, True, False, False]


def test_the_delay_doubles_up_to_its_ceiling() -> None:
    delays = [decide_retry(StageFailed(), attempts=n, policy=POLICY, jitter=1).delay_s for n in (1, 2, 3)]
    assert delays == [2.0, 4.0, 5.0]


@given(st.integers(1, 3), st.floats(0, 1))
def test_chance_moves_a_delay_within_its_upper_half(attempts: int, jitter: float) -> None:
    longest_s = decide_retry(StageFailed(), attempts=attempts, policy=POLICY, jitter=1).delay_s
    delay_s = decide_retry(StageFailed(), attempts=attempts, policy=POLICY, jitter=jitter).delay_s
    assert longest_s / 2 <= delay_s <= longest_s
