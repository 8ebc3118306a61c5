"""The curve of precision over recall, against sums done by hand and against another way to say the same."""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilgate.services.evaluation.precision import WorkingPoint, average_precision, working_point

Find = tuple[float, bool]
RIGHT, WRONG = True, False


def ap(finds: Sequence[Find], boxes: int) -> float | None:
    scores = np.array([score for score, _ in finds], np.float64)
    return average_precision(scores, np.array([right for _, right in finds], np.bool_), boxes=boxes)


def point(finds: Sequence[Find], boxes: int, min_precision: float = 0.8) -> WorkingPoint | None:
    scores = np.array([score for score, _ in finds], np.float64)
    rights = np.array([right for _, right in finds], np.bool_)
    return working_point(scores, rights, boxes=boxes, min_precision=min_precision)


@pytest.mark.parametrize(
    ("finds", "boxes", "expected"),
    [
        pytest.param([(0.9, RIGHT), (0.8, RIGHT)], 2, 1.0, id="perfect"),
        pytest.param([(0.9, RIGHT)], 2, 0.5, id="half of it found"),
        pytest.param([(0.9, WRONG), (0.8, RIGHT)], 1, 0.5, id="one wrong before it"),
        pytest.param([(0.9, RIGHT), (0.8, WRONG)], 1, 1.0, id="one wrong after all are found"),
        pytest.param([(0.9, RIGHT), (0.8, WRONG), (0.7, RIGHT)], 2, 1 / 2 + 1 / 2 * 2 / 3, id="a dent"),
        # The curve rises to 2/3 later on, and that counts from the start.
        pytest.param([(0.9, WRONG), (0.8, RIGHT), (0.7, RIGHT)], 2, 2 / 3, id="a late rise"),
        pytest.param([(0.9, WRONG), (0.9, RIGHT)], 1, 0.5, id="no threshold parts equal scores"),
        pytest.param([(0.9, RIGHT), (0.9, WRONG)], 1, 0.5, id="in either order"),
        pytest.param([(0.9, WRONG)], 3, 0.0, id="nothing right"),
        pytest.param([], 3, 0.0, id="nothing found"),
        pytest.param([(0.9, WRONG)], 0, None, id="nothing to find"),
    ],
)
def test_by_hand(finds: list[Find], boxes: int, expected: float | None) -> None:
    assert ap(finds, boxes) == (None if expected is None else pytest.approx(expected))


def test_the_order_of_finds_does_not_matter() -> None:
    finds = [(0.9, RIGHT), (0.5, WRONG), (0.5, RIGHT), (0.3, WRONG), (0.3, RIGHT)]
    assert len({ap(order, 4) for order in permutations(finds)}) == 1


# Few scores, so that many are equal.
FINDS = st.lists(st.tuples(st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]), st.booleans()), max_size=12)


def best_precision(finds: list[Find], boxes: int, at_least: int) -> float:
    """The best of all thresholds with which so many boxes are found."""
    best = 0.0
    for threshold in {score for score, _ in finds}:
        kept = [right for score, right in finds if score >= threshold]
        if sum(kept) >= at_least:
            best = max(best, sum(kept) / len(kept))
    return best


@given(FINDS, st.integers(0, 5))
def test_it_is_the_mean_over_boxes_of_the_best_precision_that_finds_so_many(
    finds: list[Find], missed: int
) -> None:
    boxes = sum(right for _, right in finds) + missed
    if boxes == 0:
        assert ap(finds, boxes) is None
        return
    expected = sum(best_precision(finds, boxes, at_least) for at_least in range(1, boxes + 1)) / boxes
    assert ap(finds, boxes) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("finds", "boxes", "expected"),
    [
        pytest.param(
            [(0.9, RIGHT), (0.8, RIGHT), (0.7, WRONG), (0.6, RIGHT)], 4, (0.5, 0.8), id="where it falls below"
        ),
        pytest.param(
            [(0.9, RIGHT), (0.8, RIGHT), (0.7, WRONG), (0.6, RIGHT), (0.5, RIGHT)],
            8,
            (0.5, 0.5),
            id="where it has risen again",
        ),
        pytest.param([(0.9, WRONG), (0.8, RIGHT)], 1, (0.0, None), id="never"),
        pytest.param([], 1, (0.0, None), id="nothing found"),
    ],
)
def test_recall_at_precision(finds: list[Find], boxes: int, expected: tuple[float, float | None]) -> None:
    assert point(finds, boxes) == WorkingPoint(*expected)


def test_without_boxes_there_is_no_working_point() -> None:
    assert point([(0.9, WRONG)], 0) is None


@given(FINDS, st.integers(0, 5), st.sampled_from([0.5, 0.8, 1.0]))
def test_no_threshold_finds_more_at_that_precision(
    finds: list[Find], missed: int, min_precision: float
) -> None:
    boxes = sum(right for _, right in finds) + missed + 1
    found = point(finds, boxes, min_precision)
    assert found is not None
    rivals = [0.0]
    for threshold in {score for score, _ in finds}:
        kept = [right for score, right in finds if score >= threshold]
        if sum(kept) >= min_precision * len(kept):
            rivals.append(sum(kept) / boxes)
    assert found.recall == pytest.approx(max(rivals))
