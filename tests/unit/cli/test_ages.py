"""Lengths of time, as operators write and read them."""

import argparse

import pytest

from veilgate.cli.ages import age, parse_age_ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [("1s", 1000), ("90s", 90_000), ("10m", 600_000), ("2h", 7_200_000), (" 3d ", 259_200_000)],
)
def test_ages_are_read(text: str, ms: int) -> None:
    assert parse_age_ms(text) == ms


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "1.5h", "0s", "1h30m", "10M", "9999999s", "٣d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not an age"):
        parse_age_ms(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0.0s"),
        (0.04, "0.0s"),
        (3.21, "3.2s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.4, "59s"),
        (59.6, "1m 0s"),
        (312, "5m 12s"),
        (3599.6, "1h 0m"),
        (86_399.6, "1d 0h"),
        (187_200, "2d 4h"),
        (400 * 86_400, "400d 0h"),
    ],
)
def test_ages_are_written_with_two_units_at_most(seconds: float, text: str) -> None:
    assert age(seconds) == text
