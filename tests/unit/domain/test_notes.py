"""What an owner says of an image, as it is taken."""

from typing import Any

import pytest

from veilgate.domain.notes import Notes
from veilgate.domain.rejections import InputRejected


def test_what_is_said_is_tidied() -> None:
    notes = Notes.parse(
        {"description": "  a\r\nb\0\N{RIGHT-TO-LEFT OVERRIDE} ", "tags": [" my  tag ", "my tag", "B"]}
    )
    assert (notes.description, notes.tags) == ("a\nb", ("my tag", "B"))


@pytest.mark.parametrize("nothing", [{"description": None, "tags": None}, {"description": " \n", "tags": []}])
def test_nothing_is_said_in_several_ways(nothing: dict[str, Any]) -> None:
    notes = Notes.parse(nothing)
    assert (notes.description, notes.tags) == (None, ())
    assert notes.given == {"description", "tags"}


def test_what_is_not_given_is_known() -> None:
    assert Notes.parse({"tags": ["a"]}).given == {"tags"}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"description": 5}, "invalid_option"),
        ({"description": "x" * 2001}, "invalid_option"),
        ({"tags": "a"}, "invalid_option"),
        ({"tags": [5]}, "invalid_option"),
        ({"tags": [" "]}, "invalid_option"),
        ({"tags": ["x" * 81]}, "invalid_option"),
        ({"tags": [str(number) for number in range(51)]}, "invalid_option"),
        ({"tag": ["a"]}, "unknown_field"),
    ],
)
def test_what_is_not_taken_is_refused(given: dict[str, Any], code: str) -> None:
    with pytest.raises(InputRejected) as refused:
        Notes.parse(given)
    assert refused.value.code == code
