"""Identifiers: well-formed, sorted by time, and told from everything else."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilgate.domain.ids import is_id, made_at_ms, new_id, uuid7

random_bits = st.integers(0, 2**80 - 1)
times_ms = st.integers(0, 2**48 - 1)


@given(times_ms, random_bits)
def test_the_layout_is_that_of_version_7(unix_ms: int, random: int) -> None:
    text = uuid7(unix_ms=unix_ms, random=random)
    parsed = UUID(text)
    assert (parsed.version, parsed.variant) == (7, "specified in RFC 4122")
    assert parsed.int >> 80 == unix_ms
    assert is_id(text)


@given(times_ms, times_ms, random_bits, random_bits)
def test_later_ids_sort_later(one_ms: int, other_ms: int, one: int, other: int) -> None:
    if one_ms < other_ms:
        assert uuid7(unix_ms=one_ms, random=one) < uuid7(unix_ms=other_ms, random=other)


def test_every_random_bit_below_the_two_unused_counts() -> None:
    assert uuid7(unix_ms=1, random=0) != uuid7(unix_ms=1, random=1)
    assert uuid7(unix_ms=1, random=0) != uuid7(unix_ms=1, random=1 << 79)


def test_new_ids_differ() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("ahead_ms", [0, 3_600_000])
def test_an_id_sorts_behind_the_one_it_comes_after_whatever_the_clock_says(ahead_ms: int) -> None:
    first = uuid7(unix_ms=made_at_ms(new_id()) + ahead_ms, random=2**80 - 1)
    second = new_id(after=first)
    assert first < second < new_id(after=second)


def test_an_id_that_comes_after_an_old_one_is_of_now() -> None:
    before_ms = made_at_ms(new_id())
    assert made_at_ms(new_id(after=uuid7(unix_ms=1, random=0))) >= before_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        new_id().upper(),
        f"{new_id()}\n",
        f" {new_id()}",
        new_id().replace("-", ""),
        "' OR 1=1",
        "٣" * 36,
    ],
)
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text)
