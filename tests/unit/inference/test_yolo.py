"""Between pixels, tensors and boxes of YOLO models; the graph is a function of ours."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from veilgate.domain.detections import Detection
from veilgate.domain.errors import StageFailed
from veilgate.inference.detectors.letterbox import Letterbox
from veilgate.inference.detectors.yolo import Yolo, YoloGeometry, YoloLayout
from veilgate.inference.ports import MAX_DETECTIONS

Floats = NDArray[np.float32]
FIXED = YoloGeometry(YoloLayout.RAW, (640, 640))
END_TO_END = YoloGeometry(YoloLayout.END_TO_END, (640, 640))
DYNAMIC = YoloGeometry(YoloLayout.RAW, None)
GREY = np.full((640, 640, 3), 90, np.uint8)


class Graph:
    """Gives the same answer for every picture, and remembers what it was asked."""

    def __init__(self, answer: Floats, change: Callable[[Floats], Floats] = lambda batch: batch) -> None:
        self._answer = answer
        self._change = change
        self.batches: list[Floats] = []

    def run(self, batch: Floats) -> list[Floats]:
        self.batches.append(batch)
        return [self._change(np.repeat(self._answer[np.newaxis], len(batch), axis=0))]


def raw(*cells: Sequence[float]) -> Floats:
    """Each cell: centre x, centre y, width, height, then a score for each class."""
    return np.array(cells, np.float32).T


def yolo(graph: Graph, geometry: YoloGeometry = FIXED, *, labels: dict[int, str] | None = None) -> Yolo:
    return Yolo(
        graph,
        model_id="own",
        default_threshold=0.25,
        labels=labels or {0: "face", 1: "car"},
        geometry=geometry,
    )


def found_in(
    answer: Floats, *, threshold: float = 0.2, geometry: YoloGeometry = FIXED, **options: dict[int, str]
) -> list[Detection]:
    (found,) = yolo(Graph(answer), geometry, **options).detect([GREY], [threshold])
    return found


def test_a_cell_becomes_a_box_about_its_centre() -> None:
    (face,) = found_in(raw((100, 200, 40, 20, 0.9, 0.1)))
    assert face.label == "face"
    assert face.score == pytest.approx(0.9)
    assert face.box.as_list() == [80, 190, 120, 210]


def test_only_what_is_above_the_threshold_counts() -> None:
    cells = raw((100, 100, 40, 40, 0.5, 0), (300, 300, 40, 40, 0.25, 0))
    assert [face.score for face in found_in(cells, threshold=0.25)] == [0.5]
    assert found_in(cells, threshold=0.5) == []


def test_doubles_go_and_neighbours_stay() -> None:
    cells = raw(
        (100, 100, 40, 40, 0.8, 0), (102, 100, 40, 40, 0.9, 0), (110, 100, 40, 40, 0.7, 0)
    )  # overlaps of 0.9 and, with the best, 0.67
    assert [round(face.score, 1) for face in found_in(cells)] == [0.9, 0.7]


def test_a_car_hides_no_face_within_it() -> None:
    found = found_in(raw((100, 100, 40, 40, 0.5, 0), (100, 100, 42, 42, 0, 0.9)))
    assert [one.label for one in found] == ["car", "face"]


def test_a_cell_that_rather_looks_like_a_car_is_still_a_face() -> None:
    found = found_in(raw((100, 100, 40, 40, 0.4, 0.6)))
    assert [(one.label, round(one.score, 1)) for one in found] == [("car", 0.6), ("face", 0.4)]


def test_classes_that_are_not_wanted_are_not_found() -> None:
    cells = raw((100, 100, 40, 40, 0.9, 0.5), (300, 100, 40, 40, 0.1, 0.8))
    assert [one.score for one in found_in(cells, labels={1: "car"})] == pytest.approx([0.8, 0.5])


def test_rows_of_an_end_to_end_graph_are_taken_as_they_are() -> None:
    rows = np.array(
        [
            (10, 20, 30, 60, 0.6, 1),
            (10, 20, 31, 60, 0.9, 0),
            (10, 20, 32, 60, 0.8, 0),
            (10, 20, 30, 60, 0.9, 7),  # a class that nobody wants
            (0, 0, 0, 0, 0, 0),  # what fills the table up
        ],
        np.float32,
    )
    found = found_in(rows, geometry=END_TO_END)
    assert [(one.label, one.box.as_list()) for one in found] == [
        ("face", [10, 20, 31, 60]),
        ("face", [10, 20, 32, 60]),
        ("car", [10, 20, 30, 60]),
    ]


@pytest.mark.parametrize("geometry", [FIXED, END_TO_END])
def test_no_picture_gives_more_than_the_most_boxes(geometry: YoloGeometry) -> None:
    count = MAX_DETECTIONS + 500
    x, y = np.arange(count) % 100 * 6 + 6, np.arange(count) // 100 * 6 + 6
    scores = np.linspace(0.9, 0.3, count)
    if geometry is FIXED:
        answer = np.stack([x, y, np.full(count, 4), np.full(count, 4), scores, np.zeros(count)])
    else:
        answer = np.stack([x - 2, y - 2, x + 2, y + 2, scores, np.zeros(count)]).T
    found = found_in(answer.astype(np.float32), geometry=geometry)
    assert len(found) == MAX_DETECTIONS
    assert [one.score for one in found] == pytest.approx(scores[:MAX_DETECTIONS], abs=1e-6)


@pytest.mark.parametrize("geometry", [FIXED, END_TO_END])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 4])
def test_numbers_that_are_none_are_a_failure_not_an_empty_picture(
    geometry: YoloGeometry, bad: float, row: int
) -> None:
    answer = np.zeros((6, 8), np.float32) if geometry is FIXED else np.zeros((8, 6), np.float32)
    answer[(row, 3) if geometry is FIXED else (3, row)] = bad
    with pytest.raises(StageFailed, match="own gave numbers that are not finite"):
        found_in(answer, geometry=geometry)


@pytest.mark.parametrize("score", [-3.0, 1.5, 240.0])
@pytest.mark.parametrize("geometry", [FIXED, END_TO_END])
def test_scores_before_their_sigmoid_are_a_failure(geometry: YoloGeometry, score: float) -> None:
    answer = raw((100, 100, 40, 40, score, 0))
    if geometry is END_TO_END:
        answer = np.array([(0, 0, 10, 10, score, 0)], np.float32)
    with pytest.raises(StageFailed, match="not from 0 to 1"):
        found_in(answer, geometry=geometry)


@pytest.mark.parametrize(
    ("answer", "geometry"),
    [
        (np.zeros((5, 8)), FIXED),  # one class of two
        (np.zeros((8, 7)), END_TO_END),
        (np.zeros(1000), FIXED),
        (np.zeros((1, 6, 8)), FIXED),
    ],
)
def test_an_answer_of_another_shape_is_a_failure(answer: Floats, geometry: YoloGeometry) -> None:
    with pytest.raises(StageFailed):
        found_in(answer.astype(np.float32), geometry=geometry)


def test_fewer_answers_than_pictures_are_a_failure() -> None:
    graph = Graph(np.zeros((6, 8), np.float32), change=lambda answers: answers[:1])
    model = yolo(graph, YoloGeometry(YoloLayout.RAW, (64, 64), batch=2))
    with pytest.raises(StageFailed, match="shape"):
        model.detect([GREY, GREY], [0.2, 0.2])


def test_pictures_of_one_size_share_a_run_and_keep_their_order() -> None:
    graph = Graph(raw((32, 32, 16, 16, 0.5, 0)))
    model = yolo(graph, YoloGeometry(YoloLayout.RAW, None, batch=2))
    wide, tall = np.zeros((320, 640, 3), np.uint8), np.zeros((640, 320, 3), np.uint8)
    found = model.detect([wide, tall, wide, wide], [0.2, 0.2, 0.6, 0.2])
    assert [batch.shape for batch in graph.batches] == [(2, 3, 320, 640), (1, 3, 320, 640), (1, 3, 640, 320)]
    assert [len(one) for one in found] == [1, 1, 0, 1]


def test_no_pictures_are_no_run() -> None:
    graph = Graph(raw((0, 0, 0, 0, 0, 0)))
    assert yolo(graph).detect([], []) == []
    assert graph.batches == []


def test_the_input_is_the_picture_in_the_middle_of_grey() -> None:
    graph = Graph(raw((0, 0, 0, 0, 0, 0)))
    yolo(graph, YoloGeometry(YoloLayout.RAW, (64, 64))).detect(
        [np.full((33, 64, 3), (255, 51, 0), np.uint8)], [0.2]
    )
    (batch,) = graph.batches
    assert batch.shape == (1, 3, 64, 64)
    assert batch.dtype == np.float32
    assert np.allclose(batch[0, :, 15:48, :], np.array([1, 0.2, 0])[:, np.newaxis, np.newaxis])
    assert np.allclose(batch[0, :, :15], 114 / 255)
    assert np.allclose(batch[0, :, 48:], 114 / 255)


def test_what_lies_in_the_padding_is_dropped_and_what_reaches_into_it_is_cut() -> None:
    model = yolo(Graph(raw((320, 100, 40, 40, 0.9, 0), (320, 160, 40, 40, 0.8, 0))))
    ((face,),) = model.detect([np.zeros((640, 1280, 3), np.uint8)], [0.2])
    assert face.box.as_list() == [600, 0, 680, 40]


@pytest.mark.parametrize(
    ("picture_wh", "input_wh"),
    [
        ((4000, 3000), (640, 480)),
        ((1000, 667), (640, 448)),
        ((1, 2000), (32, 640)),
        ((512, 512), (640, 640)),  # as Ultralytics enlarges
        ((2000, 1), (640, 32)),
    ],
)
def test_a_dynamic_input_is_the_smallest_that_holds_the_picture(
    picture_wh: tuple[int, int], input_wh: tuple[int, int]
) -> None:
    assert yolo(Graph(raw()), DYNAMIC).input_size(*picture_wh) == input_wh


@pytest.mark.parametrize(
    ("side", "seen"), [(100, 640), (320, 640), (500, 1024), (640, 1280), (900, 1280), (5000, 1280)]
)
def test_small_pictures_are_enlarged_no_further_than_a_face_may_grow(side: int, seen: int) -> None:
    large = YoloGeometry(YoloLayout.RAW, None, longest_side_px=1280)
    assert yolo(Graph(raw()), large).input_size(side, side) == (seen, seen)


SIDES = st.integers(1, 5000)


@given(width=SIDES, height=SIDES, fixed=st.booleans())
def test_a_box_around_the_content_is_the_box_around_the_picture(width: int, height: int, fixed: bool) -> None:
    if fixed:
        letterbox = Letterbox.into((width, height), (640, 384))
    else:
        letterbox = Letterbox.around((width, height), longest_side_px=640, stride_px=32)
    (input_w, input_h), (content_w, content_h) = letterbox.input_wh, letterbox.content_wh
    assert 1 <= content_w <= input_w
    assert 1 <= content_h <= input_h
    left, top = (input_w - content_w) // 2, (input_h - content_h) // 2
    content = np.array([[left, top, left + content_w, top + content_h]], np.float32)
    assert letterbox.to_picture(content).tolist() == [pytest.approx([0, 0, width, height], abs=1e-3)]
    whole = np.array([[0, 0, input_w, input_h]], np.float32)
    assert letterbox.to_picture(whole).tolist() == [[0, 0, width, height]]
