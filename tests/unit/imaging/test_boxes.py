import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilgate.domain.detections import Box
from veilgate.imaging.boxes import clip_boxes, is_empty, non_max_suppression, pad_box, scale_boxes

NO_BOXES = np.zeros((0, 4), np.float32)


def test_no_boxes_stay_no_boxes() -> None:
    assert non_max_suppression(NO_BOXES, np.zeros(0, np.float32), max_iou=0.5).tolist() == []
    assert clip_boxes(NO_BOXES, (10, 10)).shape == (0, 4)
    assert scale_boxes(NO_BOXES, from_wh=(10, 10), to_wh=(5, 5)).shape == (0, 4)


@pytest.mark.parametrize(
    ("box", "scale", "padded"),
    [
        (Box(10, 10, 20, 20), 1.0, Box(10, 10, 20, 20)),
        (Box(10.2, 10.2, 19.1, 19.1), 1.0, Box(10, 10, 20, 20)),
        (Box(10, 10, 20, 30), 1.1, Box(9, 9, 21, 31)),
        (Box(-5, -5, 5, 5), 2.0, Box(0, 0, 10, 10)),
        (Box(95, 45, 120, 60), 1.0, Box(95, 45, 100, 50)),
        (Box(5.4, 5.4, 5.6, 5.6), 1.0, Box(5, 5, 6, 6)),
    ],
)
def test_padding_widens_rounds_outward_and_clips(box: Box, scale: float, padded: Box) -> None:
    assert pad_box(box, scale, (100, 50)) == padded


@pytest.mark.parametrize("box", [Box(200, 10, 210, 20), Box(-9, 10, -3, 20), Box(10, 60, 20, 70)])
def test_a_box_outside_becomes_empty(box: Box) -> None:
    assert is_empty(pad_box(box, 1.5, (100, 50)))


def test_a_box_with_swapped_sides_becomes_empty() -> None:
    assert is_empty(pad_box(Box(20, 10, 10, 20), 1.5, (100, 50)))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_box_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        pad_box(Box(0, 0, value, 10), 1.0, (100, 50))


coordinates = st.floats(-50, 150, allow_nan=False)


@given(coordinates, coordinates, st.floats(0, 80), st.floats(0, 80), st.floats(1, 3))
def test_a_padded_box_holds_what_is_visible_of_the_box(
    x: float, y: float, width: float, height: float, scale: float
) -> None:
    padded = pad_box(Box(x, y, x + width, y + height), scale, (100, 50))
    assert padded.x1 <= max(0, min(x, 100))
    assert padded.x2 >= min(100, max(x + width, 0))
    assert padded.y1 <= max(0, min(y, 50))
    assert padded.y2 >= min(50, max(y + height, 0))
    assert 0 <= padded.x1 <= padded.x2 <= 100
    assert 0 <= padded.y1 <= padded.y2 <= 50


def test_the_best_of_overlapping_boxes_is_kept() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60], [0, 0, 10, 4]], np.float32)
    scores = np.array([0.5, 0.9, 0.1, 0.3], np.float32)
    assert non_max_suppression(boxes, scores, max_iou=0.5).tolist() == [1, 3, 2]


def test_boxes_without_area_do_not_divide_by_zero() -> None:
    boxes = np.zeros((3, 4), np.float32)
    assert non_max_suppression(boxes, np.ones(3, np.float32), max_iou=0.5).tolist() == [0, 1, 2]


def test_boxes_are_clipped_and_scaled() -> None:
    boxes = np.array([[-5, 10, 120, 40]], np.float32)
    assert clip_boxes(boxes, (100, 30)).tolist() == [[0, 10, 100, 30]]
    assert scale_boxes(boxes, from_wh=(100, 50), to_wh=(200, 25)).tolist() == [[-10, 5, 240, 20]]
