"""The same as one box at a time, and in bounded time."""

import numpy as np
import pytest

from veilgate.imaging.boxes import non_max_suppression
from veilgate.inference.detectors.suppression import suppress


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 900])
@pytest.mark.parametrize("max_iou", [0.3, 0.7])
def test_it_keeps_what_one_at_a_time_keeps(count: int, max_iou: float) -> None:
    random = np.random.default_rng(count)
    corners, sizes = random.uniform(0, 300, (count, 2)), random.uniform(0, 80, (count, 2))
    boxes_xyxy = np.concatenate([corners, corners + sizes], axis=1).astype(np.float32)
    classes = random.integers(0, 3, count)
    scores = np.linspace(0.9, 0.1, count, dtype=np.float32)
    one_at_a_time = [
        members[non_max_suppression(boxes_xyxy[members], scores[members], max_iou=max_iou)]
        for index in range(3)
        for members in [np.flatnonzero(classes == index)]
    ]
    expected = sorted(np.concatenate(one_at_a_time).tolist())
    assert suppress(boxes_xyxy, classes, max_iou=max_iou, most=count).tolist() == expected
    assert suppress(boxes_xyxy, classes, max_iou=max_iou, most=7).tolist() == expected[:7]


def test_boxes_without_area_hide_nothing() -> None:
    boxes_xyxy = np.zeros((3, 4), np.float32)
    assert suppress(boxes_xyxy, np.zeros(3, np.intp), max_iou=0.7, most=9).tolist() == [0, 1, 2]
