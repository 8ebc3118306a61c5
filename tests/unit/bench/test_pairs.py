"""Which find is of which box, and what counts as neither."""

import numpy as np

from bench.pairs import Boxes, pairs
from veilgate.domain.detections import Box, Detection
from veilgate.services.evaluation.labelled_pictures import UNLABELLED


def find(label: str, score: float, *box: float) -> Detection:
    return Detection(label, score, Box(*box))


def test_boxes_meet_their_finds_and_the_rest_is_told() -> None:
    boxes = Boxes(
        ["car", UNLABELLED, "bus"],
        np.array([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], np.float64),
        np.array([[60, 0, 70, 10]], np.float64),
    )
    finds = [
        find("truck", 0.9, 0, 0, 10, 9),
        find("car", 0.8, 20, 0, 30, 10),
        find("car", 0.7, 21, 1, 26, 6),  # a second one, within what nobody named
        find("car", 0.6, 60, 0, 70, 10),  # on a box of a class that the model has not
        find("bus", 0.5, 80, 0, 90, 10),
    ]
    assert list(pairs(finds, boxes)) == [(0, 0), (1, 1), (2, None), (None, 4)]


def test_without_finds_all_are_missed() -> None:
    nothing = np.zeros((0, 4))
    assert list(pairs([], Boxes(["car"], np.array([[0.0, 0, 9, 9]]), nothing))) == [(0, None)]
    assert list(pairs([], Boxes([], nothing, nothing))) == []
