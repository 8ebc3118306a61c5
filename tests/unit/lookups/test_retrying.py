"""What `Retry-After` says, and how long the pauses between attempts are."""

from datetime import UTC, datetime

import pytest

from veilgate.domain.provider_errors import ProviderThrottled
from veilgate.lookups.provider_policies import read_policies
from veilgate.lookups.questions import Reply
from veilgate.lookups.retrying import asked_to_wait_s, pause_s, retry_after_s

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
POLICY = read_policies()["google_vision"]  # 0.5 s, doubling up to 8 s


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("1.2", 2),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30),
        ("Saturday, 21-Nov-26 12:00:30 GMT", 30),
        ("Sat Nov 21 12:00:30 2026", 30),
        ("Sat, 21 Nov 2026 13:00:30 +0100", 30),
        ("Sat, 21 Nov 2026 11:59:00 GMT", 0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("1e9", None),
        ("inf", None),
        ("９", None),
        ("Sat, 99 Nov 2026 12:00:30 GMT", None),
        ("Sat, 21 Nov 99999 12:00:30 GMT", None),
    ],
)
def test_reads_seconds_and_dates(said: str, seconds: int | None) -> None:
    assert retry_after_s({"retry-after": said}, now=NOW) == seconds


def test_says_nothing_without_a_header() -> None:
    assert retry_after_s({}) is None


@pytest.mark.parametrize(
    ("header", "judged", "seconds"), [("9", 20, 9), ("", 20, 20), ("", None, None), ("999999", None, 3600)]
)
def test_header_goes_before_what_the_judge_read_and_nobody_waits_for_days(
    header: str, judged: int | None, seconds: int | None
) -> None:
    failure = ProviderThrottled(retry_after_s=judged)
    assert asked_to_wait_s(failure, Reply(429, {"retry-after": header}, None, "")) == seconds


def test_pauses_are_drawn_from_all_up_to_a_limit_that_doubles() -> None:
    drawn: list[tuple[float, float]] = []

    def draw(least: float, most: float) -> float:
        drawn.append((least, most))
        return most

    assert [pause_s(POLICY, attempt, None, draw=draw) for attempt in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert {least for least, _ in drawn} == {0}


def test_nobody_comes_before_the_time_that_was_asked_for() -> None:
    assert pause_s(POLICY, 1, 20, draw=lambda least, _most: least) == 20
    assert 20 <= pause_s(POLICY, 1, 20) <= 20.5
