"""The arithmetic between pixels, tensors and boxes, without a model."""

import numpy as np
import pytest

from veilgate.domain.errors import StageFailed
from veilgate.inference.detectors import centerface, fastestdet
from veilgate.inference.ports import MAX_DETECTIONS


def test_a_peak_becomes_a_box_about_its_centre() -> None:
    heat, scale, offset = np.zeros((8, 10), np.float32), *np.zeros((2, 2, 8, 10), np.float32)
    heat[3, 5] = 0.9
    scale[:, 3, 5] = np.log([6, 2])  # 24 px high, 8 px wide
    offset[:, 3, 5] = [0.25, 0.5]
    boxes, scores = centerface.decode(heat, scale, offset, threshold=0.5)
    centre_x, centre_y = (5 + 0.5 + 0.5) * 4, (3 + 0.25 + 0.5) * 4
    expected = [centre_x - 4, centre_y - 12, centre_x + 4, centre_y + 12]
    assert boxes.tolist() == [pytest.approx(expected, abs=1e-4)]
    assert scores.tolist() == [pytest.approx(0.9)]


def test_neighbours_of_a_peak_are_the_same_face() -> None:
    heat, scale, offset = np.zeros((8, 10), np.float32), *np.zeros((2, 2, 8, 10), np.float32)
    heat[3, 4:7] = [0.6, 0.9, 0.7]
    scale += np.log(np.float32(8))
    boxes, scores = centerface.decode(heat, scale, offset, threshold=0.5)
    assert len(boxes) == 1
    assert scores[0] == pytest.approx(0.9)


def test_a_noisy_picture_cannot_give_boxes_without_end() -> None:
    heat = np.linspace(0.3, 0.9, 80 * 80, dtype=np.float32).reshape(80, 80)
    scale, offset = np.full((2, 80, 80), -2, np.float32), np.zeros((2, 80, 80), np.float32)
    boxes, scores = centerface.decode(heat, scale, offset, threshold=0.2)
    assert len(boxes) == MAX_DETECTIONS
    assert scores[0] == heat.max()
    assert np.all(np.diff(scores) <= 0)


def test_a_picture_is_padded_not_stretched() -> None:
    pixels = np.full((30, 50, 3), (10, 20, 30), dtype=np.uint8)
    tensor = centerface.prepare(pixels, content_wh=(50, 30), input_wh=(64, 32))
    assert tensor.shape == (1, 3, 32, 64)
    assert tensor[0, :, 29, 49].tolist() == [10, 20, 30]
    assert not tensor[0, :, 30:].any()
    assert not tensor[0, :, :, 50:].any()


def cells_with(row: int, column: int, *, class_index: int, objectness: float = 1.0) -> np.ndarray:
    cells = np.zeros((85, 22, 22), np.float32)
    cells[0, row, column] = objectness
    cells[5 + class_index, row, column] = 1.0
    return cells


def test_a_cell_becomes_a_box() -> None:
    cells = cells_with(4, 10, class_index=2, objectness=0.5)
    cells[1:3, 4, 10] = np.arctanh([0.5, 0.25])
    boxes, scores, classes = fastestdet.decode(cells, wanted=[2], threshold=0.4)
    x, y = 10.5 / 22, 4.25 / 22  # width and height: the sigmoid of 0, one half
    assert boxes.tolist() == [pytest.approx([x - 0.25, y - 0.25, x + 0.25, y + 0.25], abs=1e-6)]
    assert scores.tolist() == [pytest.approx(0.5**0.6)]
    assert classes.tolist() == [2]


def test_what_is_not_wanted_hides_nothing() -> None:
    cells = np.maximum(
        cells_with(4, 10, class_index=0), cells_with(4, 11, class_index=3, objectness=0.8)
    )  # a rider, and the motorcycle below
    _, _, classes = fastestdet.decode(cells, wanted=[3], threshold=0.4)
    assert classes.tolist() == [3]


def test_fastestdet_wants_bgr_from_zero_to_one() -> None:
    pixels = np.full((10, 20, 3), (255, 51, 0), dtype=np.uint8)
    tensor = fastestdet.prepare(pixels)
    assert tensor.shape == (1, 3, 352, 352)
    assert tensor[0, :, 100, 100].tolist() == pytest.approx([0, 0.2, 1])


class Answering:
    """A graph that answers the same whatever it sees."""

    def __init__(self, *outputs: np.ndarray) -> None:
        self._outputs = list(outputs)

    def run(self, batch: np.ndarray) -> list[np.ndarray]:  # noqa: ARG002 - that is the point
        return self._outputs


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_a_failure_not_an_empty_picture(bad: float) -> None:
    heat, sizes = np.zeros((1, 1, 16, 16), np.float32), np.zeros((1, 2, 16, 16), np.float32)
    heat[0, 0, 3, 3] = bad
    faces = centerface.CenterFace(
        Answering(heat, sizes, sizes, sizes), model_id="c", default_threshold=0.2, longest_side_px=64
    )
    cells = np.zeros((1, 85, 22, 22), np.float32)
    cells[0, 7, 3, 3] = bad
    vehicles = fastestdet.FastestDet(Answering(cells), model_id="f", default_threshold=0.5, labels={"car"})
    for detector in (faces, vehicles):
        with pytest.raises(StageFailed, match="not finite"):
            detector.detect([np.zeros((32, 32, 3), np.uint8)], [0.2])
