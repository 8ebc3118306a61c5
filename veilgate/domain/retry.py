"""Whether a job gets another try, and when: a value computed from what happened."""

from dataclasses import dataclass

from veilgate.domain.errors import DeviceLost, Unavailable, VeilgateError
from veilgate.domain.provider_errors import LookupFailed

# A doubling beyond that is longer than any delay.
_MOST_DOUBLINGS = 16
# A provider that wants to be left alone for longer than that is asked all the same.
_LONGEST_TOLD_S = 3600.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a job is tried. `attempts` are its own failures; `deliveries` are all starts but those that
    found something away, whoever's fault their end was."""

    max_attempts: int = 3
    max_deliveries: int = 20
    first_delay_s: float = 2.0
    max_delay_s: float = 60.0


@dataclass(frozen=True, slots=True)
class RetryDecision:
    again: bool
    delay_s: float = 0.0


def costs_attempt(error: VeilgateError) -> bool:
    """Whether the picture may be to blame. What is away is waited for, however long that takes."""
    return not isinstance(error, Unavailable)


def costs_delivery(error: VeilgateError) -> bool:
    """Whether the start counts. One that found something away would otherwise have a picture that waited out
    an outage failed at the next crash. A lost device counts: this picture may be what breaks devices."""
    return costs_attempt(error) or isinstance(error, DeviceLost)


def decide_retry(
    error: VeilgateError, *, attempts: int, starts: int, policy: RetryPolicy, jitter: float
) -> RetryDecision:
    """Decide after a failure of a job that has spent so many attempts and was started so many times.

    The delay doubles with each start; `jitter` (0..1, from the caller) spreads it over its upper half,
    so that pictures that failed together do not come back together. It is longer where providers said when
    to come back.
    """
    if not error.retryable or (costs_attempt(error) and attempts >= policy.max_attempts):
        return RetryDecision(again=False)
    doublings = min(starts - 1, _MOST_DOUBLINGS)
    ceiling_s = min(policy.max_delay_s, policy.first_delay_s * 2**doublings)
    told_s = error.retry_after_s if isinstance(error, LookupFailed) else None
    delay_s = max(ceiling_s, min(told_s or 0.0, _LONGEST_TOLD_S) * 2) * (0.5 + 0.5 * jitter)
    return RetryDecision(again=True, delay_s=delay_s)
