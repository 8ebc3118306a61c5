"""A stand-in for a face model, for tests and development: no weights, the same answer on every machine.

It takes strongly magenta areas for faces. It protects nobody, so production refuses it.
"""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Box, Detection
from veilgate.inference.ports import MAX_DETECTIONS

_LONGEST_SIDE_PX = 640
_SMALLEST_PX = 4  # in samples; thinner runs are edges that JPEG smeared


class MagentaDetector:
    """Finds upright magenta rectangles that a straight line separates. Every one scores 1 - 1/256."""

    def __init__(self, *, model_id: str, default_threshold: float, delay_s: float) -> None:
        """`delay_s` is how long each chunk takes, so that tests can end a process in the middle of one."""
        self.model_id = model_id
        self.default_threshold = default_threshold
        self._delay_s = delay_s

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        step = _step(width, height)
        return -(-width // step), -(-height // step)

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], thresholds: Sequence[float]
    ) -> list[list[Detection]]:
        time.sleep(self._delay_s)
        return [
            find_magenta(pixels)[:MAX_DETECTIONS] if threshold < _SCORE else []
            for pixels, threshold in zip(pictures, thresholds, strict=True)
        ]


_SCORE = 1 - 1 / 256


def find_magenta(pixels: NDArray[np.uint8]) -> list[Detection]:
    """Bounding boxes of magenta areas, left to right, then top to bottom, on a grid of up to 640 samples."""
    height, width = pixels.shape[:2]
    step = _step(width, height)
    # JPEG keeps saturated magenta within about 30 levels at quality 75, away from the area's edge.
    red, green, blue = np.moveaxis(pixels[::step, ::step], 2, 0)
    magenta = (red > 200) & (green < 80) & (blue > 200)
    found = []
    for left, right in _runs(magenta.any(axis=0)):
        for top, bottom in _runs(magenta[:, left:right].any(axis=1)):
            box = Box(
                float(left * step),
                float(top * step),
                float(min(width, right * step)),
                float(min(height, bottom * step)),
            )
            found.append(Detection("face", _SCORE, box))
    return found


def _step(width: int, height: int) -> int:
    return -(-max(width, height) // _LONGEST_SIDE_PX)


def _runs(hits: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The half-open stretches of true values that are long enough to be meant."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], hits, [False]]).astype(np.int8)))
    return [
        (int(start), int(end))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        if end - start >= _SMALLEST_PX
    ]
