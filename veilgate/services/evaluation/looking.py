"""Having models look at one picture after the other, in turns, by the clock."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Detection
from veilgate.inference.ports import Detector
from veilgate.telemetry.run_clock import device_time

# So low that the whole curve of precision is seen; below it there is only noise.
_LOWEST_SCORE = 0.001


@dataclass(frozen=True, slots=True)
class Contestant:
    """A model, and the classes that it finds."""

    detector: Detector
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """All that one model found in one picture, however unsure, and how long it takes at its own threshold:
    in runs of its graph alone, and from RGB pixels to boxes."""

    labels: NDArray[np.str_]
    scores: NDArray[np.float64]
    boxes_xyxy: NDArray[np.float64]
    model_ms: float
    whole_ms: float


def look(contestants: Sequence[Contestant], pixels: NDArray[np.uint8]) -> tuple[Look, ...]:
    """One after the other, so that what else the machine has to do slows all of them alike."""
    return tuple(_look(contestant.detector, pixels) for contestant in contestants)


def _look(detector: Detector, pixels: NDArray[np.uint8]) -> Look:
    # First, so that a graph has met the picture's shape before its time counts.
    found = detector.detect([pixels], [_LOWEST_SCORE])[0]
    began_s = time.perf_counter()
    with device_time() as device:
        detector.detect([pixels], [detector.default_threshold])
    whole_ms = (time.perf_counter() - began_s) * 1000
    return Look(
        np.array([one.label for one in found], np.str_),
        np.array([one.score for one in found], np.float64),
        np.array([_corners(one) for one in found], np.float64).reshape(-1, 4),
        device.spent_s * 1000,
        whole_ms,
    )


def _corners(one: Detection) -> tuple[float, float, float, float]:
    return one.box.x1, one.box.y1, one.box.x2, one.box.y2
