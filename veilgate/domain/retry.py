"""Whether a job gets another try, and when: a value computed from what happened."""

from dataclasses import dataclass

from veilgate.domain.errors import VeilgateError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a job is tried. `attempts` are its own failures, `deliveries` all starts, whoever's fault."""

    max_attempts: int = 3
    max_deliveries: int = 20
    first_delay_s: float = 2.0
    max_delay_s: float = 60.0


@dataclass(frozen=True, slots=True)
class RetryDecision:
    again: bool
    delay_s: float = 0.0


def decide_retry(error: VeilgateError, *, attempts: int, policy: RetryPolicy, jitter: float) -> RetryDecision:
    """Decide after a job's `attempts`-th failure of its own.

    The delay doubles with each attempt; `jitter` (0..1, from the caller) spreads it over its upper half,
    so that pictures that failed together do not come back together.
    """
    if not error.retryable or attempts >= policy.max_attempts:
        return RetryDecision(again=False)
    ceiling_s = min(policy.max_delay_s, policy.first_delay_s * 2 ** (attempts - 1))
    return RetryDecision(again=True, delay_s=ceiling_s * (0.5 + 0.5 * jitter))
