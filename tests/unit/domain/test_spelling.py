"""Slips of typing, and one or many of a thing."""

import random
from functools import cache

import pytest

from veilgate.domain.spelling import most_slips, one_left_out, other_numbers, slips_between


@cache
def plain_distance(first: str, second: str) -> int:
    """The definition, letter by letter from the end."""
    if not first or not second:
        return len(first) + len(second)
    costs = [
        plain_distance(first[:-1], second) + 1,
        plain_distance(first, second[:-1]) + 1,
        plain_distance(first[:-1], second[:-1]) + (first[-1] != second[-1]),
    ]
    if first[-2:] == second[-2:][::-1] and len(first) > 1 and len(second) > 1:
        costs.append(plain_distance(first[:-2], second[:-2]) + 1)
    return min(costs)


def test_slips_are_counted_as_defined() -> None:
    chance = random.Random(1)
    words = ["".join(chance.choices("abc", k=chance.randint(0, 6))) for _ in range(120)]
    for first in words:
        for second in words[::3]:
            distance = plain_distance(first, second)
            for at_most in (0, 1, 2):
                expected = distance if distance <= at_most else None
                assert slips_between(first, second, at_most=at_most) == expected, (first, second)


@pytest.mark.parametrize(
    "slip", ["bicycle", "bicycl", "bicyccle", "bicicle", "biycyle", "icycle", "bicyclee"]
)
def test_words_one_slip_apart_share_a_spelling(slip: str) -> None:
    word = "bicycle"
    assert {word, *one_left_out(word)} & {slip, *one_left_out(slip)}


@pytest.mark.parametrize(
    ("word", "slips"), [("car", 0), ("vans", 1), ("bicycle", 1), ("motorway", 2), ("a1b2c3", 0)]
)
def test_short_words_and_numbers_are_meant_as_they_are(word: str, slips: int) -> None:
    assert most_slips(word) == slips


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("car", "cars"),
        ("bus", "buses"),
        ("box", "boxes"),
        ("berry", "berries"),
        ("boy", "boys"),
        ("glass", "glasses"),
        ("person", "people"),
    ],
)
def test_one_finds_many_and_many_find_one(one: str, many: str) -> None:
    assert many in other_numbers(one)
    assert one in other_numbers(many)


def test_what_has_no_number_has_no_other() -> None:
    assert other_numbers("a") == other_numbers("0042") == other_numbers("is") == []
