"""`make fuzz` in small: the same rounds with few examples, and that a round finds what is broken."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.fuzz import targets
from tests.fuzz.mutations import mutated
from tests.fuzz.rounds import run_round
from tests.fuzz.targets import TARGETS, Target
from veilgate.domain.rejections import EmptyFile

EXAMPLES = 60


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_round_finds_nothing(target: Target) -> None:
    assert run_round(target, seed=1, examples=EXAMPLES) >= EXAMPLES


def _raises(*_: object) -> None:
    raise ZeroDivisionError


# What each check stands on, broken.
BROKEN: dict[str, tuple[str, Callable[..., Any]]] = {
    "sniffing": ("inspect_picture", _raises),
    "decoding": ("decode_picture", _raises),
    "exif": ("decode_picture", _raises),
    "archives": ("read_archive", _raises),
    "addresses": ("read_target", _raises),
}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_round_finds_what_is_broken(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    name, broken = BROKEN[target.name]
    monkeypatch.setattr(targets, name, broken)
    with pytest.raises((ZeroDivisionError, AssertionError)):
        run_round(target, seed=1, examples=EXAMPLES)


def test_the_same_seed_gives_the_same_examples() -> None:
    def examples_of(seed: int) -> list[bytes]:
        seen: list[bytes] = []
        inputs = mutated((b"some bytes", bytes(40)))
        run_round(Target("seen", lambda: inputs, seen.append), seed=seed, examples=20)
        return seen

    assert examples_of(1) == examples_of(1) != examples_of(2)


def test_the_smallest_bad_example_is_raised() -> None:
    def check(number: int) -> None:
        if number > 1000:
            raise EmptyFile(str(number))

    with pytest.raises(EmptyFile, match=r"^1001\b"):
        run_round(Target("numbers", st.integers, check), seed=1)
