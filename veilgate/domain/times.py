"""Points in time as callers write them."""

import math
from datetime import UTC, datetime

_YEAR_10000_S = 253_402_300_800


def epoch_ms_of(text: str) -> int:
    """Milliseconds since 1970, from Unix seconds or ISO 8601; without a zone it is UTC.

    Raises `ValueError`.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = _iso_seconds(text.strip())
    if not math.isfinite(seconds) or not 0 <= seconds < _YEAR_10000_S:
        raise ValueError("must be between the years 1970 and 9999")
    return round(seconds * 1000)


def _iso_seconds(text: str) -> float:
    # The + of a zone arrives as a space where it was not written as %2B.
    spelled = text.replace(" ", "+") if "T" in text else text
    try:
        moment = datetime.fromisoformat(spelled)
    except ValueError:
        raise ValueError("must be Unix seconds or ISO 8601") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.timestamp()
