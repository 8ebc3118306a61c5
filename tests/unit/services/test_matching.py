"""Which finds are right, which are wrong, and which say nothing."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilgate.services.evaluation.matching import Case, judge, make_case, together

Corners = tuple[float, float, float, float]
NOT_FOUND = float("-inf")


def case(
    finds: Sequence[tuple[float, Corners]], boxes: Sequence[Corners], excuses: Sequence[Corners] = ()
) -> Case:
    return make_case(
        np.array([score for score, _ in finds], np.float64),
        corners([box for _, box in finds]),
        corners(boxes),
        excuses_xyxy=corners(excuses),
        sizes=np.arange(len(boxes), dtype=np.float64),
    )


def corners(boxes: Sequence[Corners]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array(boxes, np.float64).reshape(-1, 4)


def judged(one: Case, min_iou: float = 0.5) -> tuple[dict[float, bool], list[float]]:
    """What became of each find, by score, and the score that each box was found at."""
    ledger = judge([one], min_iou=min_iou)
    return dict(zip(ledger.scores.tolist(), ledger.is_right.tolist(), strict=True)), ledger.found_at.tolist()


SQUARE, FAR = (0, 0, 10, 10), (50, 50, 60, 60)


def test_a_box_is_found_once_by_the_surest() -> None:
    doubles = case([(0.6, SQUARE), (0.9, (0, 0, 10, 9))], [SQUARE, FAR])
    assert judged(doubles) == ({0.9: True, 0.6: False}, [0.9, NOT_FOUND])


def test_a_find_takes_the_free_box_that_it_overlaps_most() -> None:
    near = (2, 0, 12, 10)  # shares 80 of 120 with the square
    finds = [(0.9, SQUARE), (0.8, SQUARE)]
    assert judged(case(finds, [near, SQUARE])) == ({0.9: True, 0.8: True}, [0.8, 0.9])
    assert judged(case(finds, [near, SQUARE]), min_iou=0.7) == ({0.9: True, 0.8: False}, [NOT_FOUND, 0.9])


@pytest.mark.parametrize(("find", "is_right"), [((0, 0, 5, 10), True), ((0, 0, 4.9, 10), False)])
def test_half_is_enough_and_less_is_not(find: Corners, is_right: bool) -> None:
    assert judged(case([(0.9, find)], [SQUARE]))[0] == {0.9: is_right}


@pytest.mark.parametrize(
    "find",
    [
        pytest.param((0, 0, 10, 8), id="overlaps it"),
        pytest.param((1, 1, 2, 2), id="lies within it"),
        pytest.param((-1, 0, 1, 5), id="lies half within it"),
    ],
)
def test_what_is_at_a_box_that_is_not_judged_counts_neither_way(find: Corners) -> None:
    assert judged(case([(0.9, find)], [FAR], [SQUARE])) == ({}, [NOT_FOUND])


def test_what_only_touches_a_box_that_is_not_judged_is_wrong() -> None:
    assert judged(case([(0.9, (-2, 0, 1, 5))], [], [SQUARE])) == ({0.9: False}, [])


def test_what_is_right_is_right_beside_a_box_that_is_not_judged() -> None:
    assert judged(case([(0.9, SQUARE)], [SQUARE], [SQUARE])) == ({0.9: True}, [0.9])


def test_a_double_there_is_excused() -> None:
    assert judged(case([(0.9, SQUARE), (0.8, SQUARE)], [SQUARE], [SQUARE])) == ({0.9: True}, [0.9])


def test_pictures_are_judged_apart_and_counted_together() -> None:
    one, other = case([(0.9, SQUARE)], [FAR]), case([(0.8, FAR)], [FAR, SQUARE])
    ledger = judge([one, other], min_iou=0.5)
    assert ledger.scores.tolist() == [0.9, 0.8]
    assert ledger.is_right.tolist() == [False, True]
    assert ledger.found_at.tolist() == [NOT_FOUND, 0.8, NOT_FOUND]
    assert ledger.sizes.tolist() == [0, 0, 1]
    apart = together([judge([one], min_iou=0.5), judge([other], min_iou=0.5)])
    assert apart.scores.tolist() == ledger.scores.tolist()
    assert apart.found_at.tolist() == ledger.found_at.tolist()


def test_nothing_at_all() -> None:
    assert judged(case([], [])) == ({}, [])
    assert len(judge([], min_iou=0.5).scores) == len(together([]).found_at) == 0


BOX = st.tuples(*[st.integers(0, 8)] * 4).map(
    lambda four: (four[0], four[1], four[0] + four[2] + 1, four[1] + four[3] + 1)
)


@given(st.lists(BOX, max_size=8), st.lists(BOX, max_size=6), st.lists(BOX, max_size=3), st.randoms())
def test_finds_of_different_scores_are_judged_alike_in_any_order(
    finds: list[Corners], boxes: list[Corners], excuses: list[Corners], random: "np.random.Generator"
) -> None:
    scored = [(0.9 - 0.1 * number, find) for number, find in enumerate(finds)]
    shuffled = scored.copy()
    random.shuffle(shuffled)
    (verdicts, found_at), again = (judged(case(one, boxes, excuses)) for one in (scored, shuffled))
    assert (verdicts, found_at) == again
    # As many boxes are found as finds are right, each by one of those.
    assert sorted(score for score, right in verdicts.items() if right) == sorted(
        score for score in found_at if score > 0
    )
