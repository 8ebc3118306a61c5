"""The detectors that this house trains itself (training/): boxes seen from the cells of three grids."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Detection
from veilgate.domain.errors import StageFailed
from veilgate.inference.detectors.answers import check_finite
from veilgate.inference.detectors.box_detector import BoxDetector, Found
from veilgate.inference.detectors.letterbox import Letterbox, round_up
from veilgate.inference.detectors.suppression import suppress
from veilgate.inference.ports import MAX_DETECTIONS

STRIDES_PX = (8, 16, 32)
SIDES = 4
# In ms a picture, the untrained network of training/ on one thread at 320 × 320, alone and of four in a run:
#     one graph for all shapes    bfloat16 5.9, 4.3    int8 5.0, 2.9    float32 9.5, 7.6
#     a graph for each shape      bfloat16 3.9, 3.3    int8 2.9, 2.2
# So pictures come in three shapes, each of which takes some 20 MB, and 0.2 s (int8 0.6 s) at first sight; and
# one at a time, for graphs of four would take 40 MB each and save a hundredth of what a picture costs in all.
_SHORTER_SIDE = 0.75
_MAX_IOU = 0.6
# Bounded before suppression, whose work grows with it.
_MOST_CANDIDATES = 30_000

Grid = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PyramidGeometry:
    """The model's classes in the order of its channels, and the longest side at which it sees a picture: in a
    square, or in three quarters of one where the picture fits."""

    names: tuple[str, ...]
    longest_side_px: int

    def letterbox(self, picture_wh: tuple[int, int]) -> Letterbox:
        """Small pictures are enlarged, too: in training every picture had this longest side."""
        tight = Letterbox.around(picture_wh, longest_side_px=self.longest_side_px, stride_px=STRIDES_PX[-1])
        long_px = round_up(self.longest_side_px, STRIDES_PX[-1])
        short_px = round_up(math.ceil(_SHORTER_SIDE * self.longest_side_px), STRIDES_PX[-1])
        width, height = tight.input_wh
        input_wh = (
            long_px if width > short_px else short_px,
            long_px if height > short_px else short_px,
        )
        return replace(tight, input_wh=input_wh)


class Pyramid(BoxDetector[PyramidGeometry]):
    """A graph that training/ wrote.

    From its default threshold on each vehicle is found once, whoever asks. Who asks for less is given guesses
    too: a car at 0.4 that may be a truck at 0.3.
    """

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], thresholds: Sequence[float]
    ) -> list[list[Detection]]:
        """Raises `StageFailed` when the graph answers what it cannot: not knowing is not "none"."""
        return [
            self._detect_one(pixels, threshold)
            for pixels, threshold in zip(pictures, thresholds, strict=True)
        ]

    def _detect_one(self, pixels: NDArray[np.uint8], threshold: float) -> list[Detection]:
        letterbox = self._geometry.letterbox((pixels.shape[1], pixels.shape[0]))
        batch = letterbox.tensor(pixels)
        grids = self._checked(self._session.run(batch), batch.shape)
        found = decode(
            [grid[0] for grid in grids],
            wanted=self._labels,
            threshold=threshold,
            sure_from=self.default_threshold,
        )
        return self._named(found, letterbox)

    def _checked(self, grids: Sequence[Grid], input_shape: tuple[int, ...]) -> Sequence[Grid]:
        count, _, height, width = input_shape
        channels = SIDES + len(self._geometry.names)
        due = [(count, channels, height // stride, width // stride) for stride in STRIDES_PX]
        given = [grid.shape for grid in grids]
        if given != due:
            raise StageFailed(f"{self.model_id} gave answers of the shapes {given}, not {due}")
        check_finite(self.model_id, grids)
        return grids


def decode(grids: Sequence[Grid], *, wanted: Collection[int], threshold: float, sure_from: float) -> Found:
    """Boxes (n, 4) in pixels of the input, not yet clipped, scores and class indices, best first, at most
    `MAX_DETECTIONS`.

    Each of the grids, one for each stride, is (4 + classes, rows, columns): how far the box reaches to the
    left, top, right and bottom of the cell's centre, in strides, and a logit for each class. A cell counts
    for each `wanted` class above the threshold, which lies between 0 and 1, both excluded. Of boxes about one
    thing that score at least `sure_from` only the best is left, whatever they call it.
    """
    lowest = _logit(threshold)  # the sigmoid of a few cells costs less than of all
    parts = [
        _above(grid, stride_px, lowest, sorted(wanted))
        for grid, stride_px in zip(grids, STRIDES_PX, strict=True)
    ]
    boxes_xyxy, logits, classes = map(np.concatenate, zip(*parts, strict=True))
    best = np.argsort(-logits, kind="stable")[:_MOST_CANDIDATES]
    boxes_xyxy, logits, classes = boxes_xyxy[best], logits[best], classes[best]
    kept = suppress(boxes_xyxy, classes, max_iou=_MAX_IOU, most=MAX_DETECTIONS)
    sure, guesses = np.split(kept, [int((logits[kept] >= _logit(sure_from)).sum())])
    of_one_class = np.zeros(len(sure), np.intp)
    sure = sure[suppress(boxes_xyxy[sure], of_one_class, max_iou=_MAX_IOU, most=MAX_DETECTIONS)]
    kept = np.concatenate([sure, guesses])
    return boxes_xyxy[kept], 1 / (1 + np.exp(-logits[kept])), classes[kept]


def _above(grid: Grid, stride_px: int, lowest: float, wanted: list[int]) -> Found:
    """Boxes, logits and classes of the cells that have a class above `lowest`, for each such class."""
    of_wanted = grid[SIDES:][wanted]
    positions, rows, columns = np.nonzero(of_wanted > lowest)
    left, top, right, bottom = grid[:SIDES, rows, columns]
    x, y = columns + 0.5, rows + 0.5
    boxes_xyxy = stride_px * np.stack([x - left, y - top, x + right, y + bottom], axis=1)
    classes = np.array(wanted, np.intp)[positions]
    return boxes_xyxy.astype(np.float32), of_wanted[positions, rows, columns], classes


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
