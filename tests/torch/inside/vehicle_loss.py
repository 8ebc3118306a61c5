"""What the loss of the vehicle detector teaches, asked of a network of two pictures."""

import json
import sys

import torch

from training.vehicles.labels import ALL_KNOWN, CLASSES
from training.vehicles.loss import Truth, losses
from training.vehicles.network import STRIDES

_SIDE_PX = 64
_CAR, _BICYCLE = CLASSES.index("car"), CLASSES.index("bicycle")


def answers() -> list[torch.Tensor]:
    """Boxes of two strides to each side, and no opinion."""
    given = [torch.zeros(2, 4 + len(CLASSES), _SIDE_PX // stride, _SIDE_PX // stride) for stride in STRIDES]
    for each in given:
        each[:, :4] = 2.0
        each.requires_grad_()
    return given


def truth(boxes: list[list[float]], known: torch.Tensor) -> Truth:
    count = len(boxes)
    return Truth(
        torch.tensor(boxes).reshape(count, 4),
        torch.full((count,), _CAR),
        torch.zeros(count, dtype=torch.long),
        known,
    )


def gradients(boxes: list[list[float]], known: torch.Tensor) -> list[torch.Tensor]:
    """Of the logits (N, classes, cells), by stride."""
    given = answers()
    losses(given, truth(boxes, known)).whole.backward()
    found = []
    for each in given:
        assert each.grad is not None
        found.append(each.grad[:, 4:].flatten(2))
    return found


def _halves(of_logits: torch.Tensor, stride: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the first picture, left and right."""
    side = _SIDE_PX // stride
    columns = of_logits.reshape(2, len(CLASSES), side, side)[0]
    return columns[:, :, : side // 2], columns[:, :, side // 2 :]


def main() -> None:
    marks = _SIDE_PX // 8
    # The second picture's source does not label bicycles; the left half of the first is a vehicle of no type.
    known = torch.full((2, marks, marks), ALL_KNOWN, dtype=torch.uint8)
    known[1] = ALL_KNOWN & ~(1 << _BICYCLE)
    known[0, :, : marks // 2] = 0
    of_nothing = gradients([], known)
    halves = [_halves(each, stride) for each, stride in zip(of_nothing, STRIDES, strict=True)]
    of_a_car = gradients([[16.0, 16.0, 48.0, 48.0]], known)
    sys.stdout.write(
        json.dumps(
            {
                "bicycle_where_unlabelled": max(float(each[1, _BICYCLE].abs().max()) for each in of_nothing),
                "car_where_bicycles_are_unlabelled": float(of_nothing[0][1, _CAR].min()),
                "hidden_half": max(float(hidden.abs().max()) for hidden, _ in halves),
                "other_half": min(float(other.min()) for _, other in halves),
                "cells_taught_that_it_is_a_car": sum(int((each[0, _CAR] < 0).sum()) for each in of_a_car),
                "of_the_other_picture": sum(int((each[1] < 0).sum()) for each in of_a_car),
            }
        )
    )


main()
