"""Ultralytics detection models (YOLOv8, 11 and their like), whatever runtime the graph is on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Detection
from veilgate.domain.errors import StageFailed
from veilgate.inference.detectors.answers import check_finite
from veilgate.inference.detectors.box_detector import BoxDetector, Found
from veilgate.inference.detectors.letterbox import Letterbox
from veilgate.inference.detectors.suppression import suppress
from veilgate.inference.ports import MAX_DETECTIONS

# What Ultralytics predicts with. Lower values merge faces of people who stand one behind the other; a face
# that stays doubled is only veiled twice.
_MAX_IOU = 0.7
# Bounded before suppression, whose work grows with it, where Ultralytics does. A face answers in some ten
# cells, so this is a crowd of three thousand.
_MOST_CANDIDATES = 30_000
# Small pictures are enlarged to what these models are trained at, or doubled, whichever is more: enlarged to
# 1280 a portrait would outgrow the largest face the model knows.
_TRAINED_SIDE_PX = 640
_MAX_ENLARGEMENT = 2
# The rounding of half precision about 1.
_SCORE_SLACK = 0.002


class YoloLayout(StrEnum):
    """What the graph answers with.

    `RAW` is (N, 4 + classes, cells): centre x, centre y, width, height in pixels of the input, then a score
    for each class. `END_TO_END` is (N, rows, 6): x1, y1, x2, y2, score, class, already suppressed.
    """

    RAW = "raw"
    END_TO_END = "end_to_end"


@dataclass(frozen=True, slots=True)
class YoloGeometry:
    """What goes into the graph and what comes out.

    `fixed_wh` is the only input size it takes, or None: then pictures are seen with their longest side at
    `longest_side_px`, in an input of multiples of `stride_px`. `batch` is the most pictures in one run.
    """

    layout: YoloLayout
    fixed_wh: tuple[int, int] | None
    longest_side_px: int = 640
    stride_px: int = 32
    batch: int = 1

    def letterbox(self, picture_wh: tuple[int, int]) -> Letterbox:
        if self.fixed_wh is not None:
            return Letterbox.into(picture_wh, self.fixed_wh)
        enlarged_px = max(_TRAINED_SIDE_PX, _MAX_ENLARGEMENT * max(picture_wh))
        return Letterbox.around(
            picture_wh, longest_side_px=min(self.longest_side_px, enlarged_px), stride_px=self.stride_px
        )


class Yolo(BoxDetector[YoloGeometry]):
    """A graph that Ultralytics wrote."""

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], thresholds: Sequence[float]
    ) -> list[list[Detection]]:
        """Raises `StageFailed` when the graph answers what no detector answers: not knowing is not "none"."""
        boxes = [self._geometry.letterbox((pixels.shape[1], pixels.shape[0])) for pixels in pictures]
        found: list[list[Detection]] = [[] for _ in pictures]
        for chunk in self._runs(boxes):
            batch = np.concatenate([boxes[position].tensor(pictures[position]) for position in chunk])
            answers = self._checked(self._session.run(batch), len(chunk))
            for position, answer in zip(chunk, answers, strict=True):
                found[position] = self._decode(answer, boxes[position], threshold=thresholds[position])
        return found

    def _runs(self, boxes: Sequence[Letterbox]) -> Iterator[list[int]]:
        """Positions of the pictures that go into one run: of one input size, and as many as it takes."""
        by_size: dict[tuple[int, int], list[int]] = {}
        for position, box in enumerate(boxes):
            by_size.setdefault(box.input_wh, []).append(position)
        for positions in by_size.values():
            for first in range(0, len(positions), self._geometry.batch):
                yield positions[first : first + self._geometry.batch]

    def _checked(self, outputs: Sequence[NDArray[np.float32]], count: int) -> NDArray[np.float32]:
        answers = outputs[0]
        if answers.ndim != 3 or answers.shape[0] != count:
            raise StageFailed(f"{self.model_id} gave an answer of the shape {answers.shape}")
        check_finite(self.model_id, [answers])
        return answers

    def _decode(
        self, answer: NDArray[np.float32], letterbox: Letterbox, *, threshold: float
    ) -> list[Detection]:
        decode = decode_raw if self._geometry.layout is YoloLayout.RAW else decode_end_to_end
        found = decode(answer, wanted=list(self._labels), threshold=threshold)
        return self._named(found, letterbox)[:MAX_DETECTIONS]


def decode_raw(answer: NDArray[np.float32], *, wanted: Sequence[int], threshold: float) -> Found:
    """Boxes (n, 4) in pixels of the input, not yet clipped, scores and class indices, best first.

    A cell counts for every wanted class that it scores above the threshold, not for its best alone: what is a
    car at 0.6 and a face at 0.5 has a face. Raises `StageFailed` when classes or scores are not there.
    """
    if answer.shape[0] - 4 <= max(wanted):
        raise StageFailed(f"the model gave {answer.shape[0] - 4} classes and was to give {max(wanted) + 1}")
    of_wanted = answer[4:][list(wanted)]
    _check_scores(of_wanted)
    rows, cells = np.nonzero(of_wanted > threshold)
    scores = of_wanted[rows, cells]
    best = np.argsort(-scores, kind="stable")[:_MOST_CANDIDATES]
    cells, scores, classes = cells[best], scores[best], np.asarray(wanted, np.intp)[rows[best]]
    centres, halves = answer[:2, cells], answer[2:4, cells] / 2
    boxes_xyxy = np.concatenate([centres - halves, centres + halves]).T
    # Each class by itself: a face is not hidden by the car around it.
    kept = suppress(boxes_xyxy, classes, max_iou=_MAX_IOU, most=MAX_DETECTIONS)
    return boxes_xyxy[kept], scores[kept], classes[kept]


def decode_end_to_end(answer: NDArray[np.float32], *, wanted: Sequence[int], threshold: float) -> Found:
    """The same for an answer of (rows, 6), which the graph itself has suppressed."""
    if answer.shape[1] != 6:
        raise StageFailed(f"the model gave rows of {answer.shape[1]} numbers, not 6")
    scores, classes = answer[:, 4], answer[:, 5].round().astype(np.intp)
    _check_scores(scores)
    (rows,) = np.nonzero((scores > threshold) & np.isin(classes, wanted))
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    return answer[rows, :4], scores[rows], classes[rows]


def _check_scores(scores: NDArray[np.float32]) -> None:
    """Scores before their sigmoid would pass for low ones, and faces go unseen."""
    if scores.size and not -_SCORE_SLACK <= scores.min() <= scores.max() <= 1 + _SCORE_SLACK:
        raise StageFailed(f"the model gave scores from {scores.min():g} to {scores.max():g}, not from 0 to 1")
