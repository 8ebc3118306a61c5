"""When to ask again: pauses of our own, and what a provider says of it in `Retry-After`."""

import math
import random
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from veilgate.domain.provider_errors import LookupFailed
from veilgate.lookups.provider_policies import ProviderPolicy
from veilgate.lookups.questions import Reply

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
# Whoever says "in a year" is asked again when somebody has had time to look.
_LONGEST_S = 3600


def asked_to_wait_s(failure: LookupFailed, reply: Reply) -> int | None:
    """What the provider asks for: in a header, or in what the judge has read."""
    said_s = retry_after_s(reply.headers)
    if said_s is None:
        said_s = failure.retry_after_s
    return None if said_s is None else min(_LONGEST_S, said_s)


def retry_after_s(headers: Mapping[str, str], *, now: datetime | None = None) -> int | None:
    """Whole seconds, from a number or from a date; None where nothing is said that can be read."""
    said = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(said):
        wait_s = float(said)
    else:
        try:
            at = parsedate_to_datetime(said)
        except (ValueError, OverflowError):
            return None
        # A date that names no zone is one of GMT.
        wait_s = (at.replace(tzinfo=at.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds()
    return max(0, math.ceil(wait_s))


def pause_s(
    policy: ProviderPolicy,
    attempt: int,
    asked_to_wait_s: int | None,
    *,
    draw: Callable[[float, float], float] = random.uniform,
) -> float:
    """The pause after attempt number `attempt`, the first being 1. Drawn from all up to a limit that doubles,
    or those who failed together would come again together; what the provider asks for is never undercut."""
    if asked_to_wait_s is not None:
        return asked_to_wait_s + draw(0, policy.first_pause_s)
    return draw(0, min(policy.longest_pause_s, policy.first_pause_s * 2 ** (attempt - 1)))
