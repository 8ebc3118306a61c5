"""Points in time as callers write them."""

import pytest

from veilgate.domain.times import epoch_ms_of

NOON_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z


@pytest.mark.parametrize(
    "text",
    [
        "1767268800",
        "1767268800.0",
        "2026-01-01T12:00:00Z",
        "2026-01-01T12:00:00",
        "2026-01-01 12:00",
        "2026-01-01T14:00:00+02:00",
        "2026-01-01T14:00:00 02:00",  # as the + of a query arrives
        "2026-01-01T12:00:00.000Z",
    ],
)
def test_many_ways_lead_to_one_time(text: str) -> None:
    assert epoch_ms_of(text) == NOON_MS


def test_a_date_begins_at_midnight() -> None:
    assert epoch_ms_of("2026-01-01") == NOON_MS - 12 * 3_600_000


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "nan", "inf", "1e300", "9" * 400, "2026-13-01", "1969-12-31", "yesterday", "\0"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        epoch_ms_of(text)
