"""Between pixels, tensors and boxes of the house's own detectors; the graph is a function of ours."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from veilgate.domain.detections import Detection
from veilgate.domain.errors import StageFailed
from veilgate.inference.detectors.pyramid import STRIDES_PX, Pyramid, PyramidGeometry, decode
from veilgate.inference.ports import MAX_DETECTIONS

Floats = NDArray[np.float32]
NAMES = ("car", "truck", "bus")
SIDE_PX = 64
NEVER = -20.0
GREY = np.full((SIDE_PX, SIDE_PX, 3), 90, np.uint8)


def grids(
    *cells: tuple[int, int, int, Sequence[float], Sequence[float]], side_px: int = SIDE_PX
) -> list[Floats]:
    """Empty but for these cells: stride, row, column, distances, logits."""
    found = []
    for stride in STRIDES_PX:
        grid = np.full((4 + len(NAMES), side_px // stride, side_px // stride), NEVER, np.float32)
        grid[:4] = 1
        for _, row, column, distances, logits in [cell for cell in cells if cell[0] == stride]:
            grid[:, row, column] = [*distances, *logits]
        found.append(grid)
    return found


class Graph:
    """Answers the same for every picture, and remembers what it was asked."""

    def __init__(
        self, answer: Sequence[Floats], change: Callable[[list[Floats]], list[Floats]] = lambda all_: all_
    ) -> None:
        self._answer = answer
        self._change = change
        self.batches: list[Floats] = []

    def run(self, batch: Floats) -> list[Floats]:
        self.batches.append(batch)
        return self._change([np.repeat(grid[np.newaxis], len(batch), axis=0) for grid in self._answer])


def pyramid(graph: Graph, *, wanted: Sequence[str] = NAMES, longest_side_px: int = SIDE_PX) -> Pyramid:
    return Pyramid(
        graph,
        model_id="ours",
        default_threshold=0.4,
        labels={index: name for index, name in enumerate(NAMES) if name in wanted},
        geometry=PyramidGeometry(NAMES, longest_side_px),
    )


def found_in(
    answer: Sequence[Floats], *, threshold: float = 0.4, wanted: Sequence[str] = NAMES
) -> list[Detection]:
    (found,) = pyramid(Graph(answer), wanted=wanted).detect([GREY], [threshold])
    return found


def logit(score: float) -> float:
    return math.log(score / (1 - score))


@pytest.mark.parametrize("stride", STRIDES_PX)
def test_a_cell_reaches_from_its_centre_to_the_edges(stride: int) -> None:
    (bus,) = found_in(grids((stride, 1, 0, (0.25, 0.5, 0.75, 0.125), (NEVER, NEVER, logit(0.9)))))
    assert bus.label == "bus"
    assert bus.score == pytest.approx(0.9)
    x, y = 0.5, 1.5
    edges = [x - 0.25, y - 0.5, x + 0.75, y + 0.125]
    assert bus.box.as_list() == [edge * stride for edge in edges]


@pytest.mark.parametrize("threshold", [0.001, 0.25, 0.5, 0.95])
def test_only_what_is_above_the_threshold_counts(threshold: float) -> None:
    above, below = logit(threshold) + 0.01, logit(threshold) - 0.01
    answer = grids(
        (8, 1, 1, (1, 1, 1, 1), (above, NEVER, NEVER)), (8, 5, 5, (1, 1, 1, 1), (below, NEVER, NEVER))
    )
    (car,) = found_in(answer, threshold=threshold)
    assert car.box.as_list() == [4, 4, 20, 20]
    assert car.score > threshold


def names_and_scores(found: Sequence[Detection]) -> list[tuple[str, float]]:
    return [(one.label, round(one.score, 3)) for one in found]


@pytest.mark.parametrize("other", [(16, 1, 1, (1, 1, 1, 1)), (8, 3, 3, (2.5, 2.5, 1.5, 1.5))])
def test_a_vehicle_with_two_names_is_found_once(
    other: tuple[int, int, int, Sequence[float]],
) -> None:
    """Be it one cell that has both, or two cells."""
    cells = [(16, 1, 1, (1, 1, 1, 1), (logit(0.6), NEVER, NEVER)), (*other, (NEVER, logit(0.8), NEVER))]
    if other[0] == 16:
        cells = [(*other, (logit(0.6), logit(0.8), NEVER))]
    answer = grids(*cells)
    assert names_and_scores(found_in(answer, threshold=0.4)) == [("truck", 0.8)]
    # Who asks for less is told no more of what is sure.
    assert names_and_scores(found_in(answer, threshold=0.1)) == [("truck", 0.8)]
    # What nobody wants to know of hides nothing.
    assert names_and_scores(found_in(answer, threshold=0.4, wanted=("car", "bus"))) == [("car", 0.6)]


def test_who_asks_for_less_is_given_guesses_too() -> None:
    answer = grids((16, 1, 1, (1, 1, 1, 1), (logit(0.3), logit(0.8), logit(0.35))))
    assert names_and_scores(found_in(answer, threshold=0.4)) == [("truck", 0.8)]
    told = [("truck", 0.8), ("bus", 0.35), ("car", 0.3)]
    assert names_and_scores(found_in(answer, threshold=0.2)) == told


@pytest.mark.parametrize("threshold", [0.1, 0.4])
def test_doubles_of_one_class_are_never_shown(threshold: float) -> None:
    answer = grids(
        (8, 3, 3, (2, 2, 2, 2), (logit(0.7), NEVER, NEVER)),
        (16, 1, 1, (1, 1, 1.1, 1), (logit(0.8), NEVER, NEVER)),
        (8, 4, 4, (3, 3, 1, 1), (logit(0.9), NEVER, NEVER)),
    )
    assert names_and_scores(found_in(answer, threshold=threshold)) == [("car", 0.9)]


def test_neighbours_stay_and_the_best_comes_first() -> None:
    answer = grids(
        (8, 2, 2, (1, 1, 1, 1), (logit(0.5), NEVER, NEVER)),
        (8, 2, 3, (1, 1, 1, 1), (logit(0.9), NEVER, NEVER)),  # they share a third
        (32, 1, 1, (0.5, 0.5, 0.5, 0.5), (NEVER, NEVER, logit(0.7))),
    )
    assert [round(one.score, 2) for one in found_in(answer)] == [0.9, 0.7, 0.5]


def test_no_picture_gives_more_than_the_most_boxes() -> None:
    side_px = 480  # 3600 cells at stride 8
    answer = grids(side_px=side_px)
    fine = answer[0]
    fine[:4] = 0.5
    fine[4] = np.linspace(3, 0, fine[4].size).reshape(fine[4].shape)
    _, scores, _ = decode(answer, wanted=[0, 1, 2], threshold=0.3, sure_from=0.4)
    assert len(scores) == MAX_DETECTIONS
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    assert scores[0] == pytest.approx(1 / (1 + math.exp(-3)))


def test_boxes_are_cut_at_the_picture_and_the_padding_holds_none() -> None:
    answer = grids(
        (8, 3, 0, (5, 5, 1, 1), (4, NEVER, NEVER)),
        (8, 5, 6, (0.1, 0.1, 0.1, 0.4), (4, NEVER, NEVER)),  # below the picture
    )
    # 200 × 60 is seen as 64 × 19 in 64 × 64, 22 pixels of grey above and 23 below.
    (found,) = pyramid(Graph(answer)).detect([np.zeros((60, 200, 3), np.uint8)], [0.5])
    assert [one.box.as_list() for one in found] == [
        [0, 0, round(12 * 200 / 64, 1), round((36 - 22) * 60 / 19, 1)]
    ]


@pytest.mark.parametrize(
    ("picture_wh", "input_wh"),
    [
        ((1, 5000), (288, 352)),
        ((5000, 1), (352, 288)),
        ((32, 32), (352, 352)),
        ((7, 13), (288, 352)),
        ((1, 1), (352, 352)),
        ((4000, 3000), (352, 288)),
        ((4000, 3300), (352, 352)),
        ((1080, 1920), (288, 352)),
    ],
)
def test_pictures_of_any_form_are_taken(picture_wh: tuple[int, int], input_wh: tuple[int, int]) -> None:
    width, height = input_wh
    whole = zip(STRIDES_PX, grids(side_px=352), strict=True)
    graph = Graph([grid[:, : height // stride, : width // stride] for stride, grid in whole])
    model = pyramid(graph, longest_side_px=352)
    assert model.input_size(*picture_wh) == input_wh
    assert model.detect([np.zeros((picture_wh[1], picture_wh[0], 3), np.uint8)], [0.5]) == [[]]
    (batch,) = graph.batches
    assert batch.shape == (1, 3, height, width)


def test_each_picture_has_its_own_threshold_and_place() -> None:
    answer = grids((8, 1, 1, (1, 1, 1, 1), (logit(0.7), NEVER, NEVER)))
    found = pyramid(Graph(answer)).detect(
        [GREY, GREY, GREY.repeat(2, axis=0).repeat(2, axis=1)], [0.5, 0.8, 0.5]
    )
    assert [[one.box.as_list() for one in of_one] for of_one in found] == [
        [[4, 4, 20, 20]],
        [],
        [[8, 8, 40, 40]],
    ]


def test_no_pictures_are_no_run() -> None:
    graph = Graph(grids())
    assert pyramid(graph).detect([], []) == []
    assert graph.batches == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channel", [0, 5])
def test_numbers_that_are_none_are_a_failure_not_an_empty_picture(bad: float, channel: int) -> None:
    answer = grids()
    answer[2][channel, 1, 1] = bad
    with pytest.raises(StageFailed, match="ours gave numbers that are not finite"):
        found_in(answer)


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: answer[:2],
        lambda answer: answer[::-1],
        lambda answer: [grid[:, :-1] for grid in answer],  # a class is missing
        lambda answer: [grid[0] for grid in answer],
        lambda answer: [*answer[:2], answer[2][:, :, 1:]],
    ],
)
def test_answers_of_other_shapes_are_a_failure(change: Callable[[list[Floats]], list[Floats]]) -> None:
    with pytest.raises(StageFailed, match="ours gave answers of the shapes"):
        pyramid(Graph(grids(), change)).detect([GREY], [0.5])
