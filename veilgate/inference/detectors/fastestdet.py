"""FastestDet (dog-qiuqiu, 2022): one box for each of 22 × 22 cells, one class for each box."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Box, Detection
from veilgate.imaging.boxes import clip_boxes, non_max_suppression, scale_boxes
from veilgate.imaging.resample import resize
from veilgate.inference.detectors.answers import check_finite
from veilgate.inference.ports import Session

_SIDE_PX = 352
# The graph has its batch of 1 and its side written into it, so neither can be made dynamic.
INPUT_SHAPE = (1, 3, _SIDE_PX, _SIDE_PX)
_MAX_IOU = 0.45
# The first names of COCO's eighty classes, in its order; no vehicle comes after them but `boat`.
LABELS = ("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck")


class FastestDet:
    """Finds the COCO classes named in `labels`."""

    def __init__(
        self, session: Session, *, model_id: str, default_threshold: float, labels: Collection[str]
    ) -> None:
        self.model_id = model_id
        self.default_threshold = default_threshold
        self._session = session
        self._labels = {index: name for index, name in enumerate(LABELS) if name in labels}

    def input_size(self, width: int, height: int) -> tuple[int, int]:  # noqa: ARG002 - the same for all
        return _SIDE_PX, _SIDE_PX

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], thresholds: Sequence[float]
    ) -> list[list[Detection]]:
        return [
            self._detect_one(pixels, threshold)
            for pixels, threshold in zip(pictures, thresholds, strict=True)
        ]

    def _detect_one(self, pixels: NDArray[np.uint8], threshold: float) -> list[Detection]:
        (cells,) = outputs = self._session.run(prepare(pixels))
        check_finite(self.model_id, outputs)
        boxes_xyxy, scores, classes = decode(cells[0], wanted=list(self._labels), threshold=threshold)
        height, width = pixels.shape[:2]
        boxes_xyxy = scale_boxes(boxes_xyxy, from_wh=(1, 1), to_wh=(width, height))
        boxes_xyxy = clip_boxes(boxes_xyxy, (width, height))
        return [
            Detection(self._labels[int(index)], float(score), Box(*map(float, box)))
            for box, score, index in zip(boxes_xyxy, scores, classes, strict=True)
            if box[2] > box[0] and box[3] > box[1]
        ]


def prepare(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The input tensor (1, 3, 352, 352), BGR, 0..1; the picture is stretched, as it was in training."""
    content = resize(pixels, (_SIDE_PX, _SIDE_PX))
    return content[np.newaxis, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)


def decode(
    cells: NDArray[np.float32], *, wanted: Sequence[int], threshold: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
    """Boxes (n, 4) as fractions of the picture, not yet clipped, scores and class indices, best first.

    `cells` is (85, rows, columns): objectness, x, y, width, height, eighty class scores. Cells whose best
    class is not `wanted` are dropped before suppression, so that no rider hides a motorcycle.
    """
    objectness, spots, class_scores = cells[0], cells[1:5], cells[5:]
    classes = class_scores.argmax(axis=0)
    scores = objectness**0.6 * class_scores.max(axis=0) ** 0.4
    rows, columns = np.nonzero((scores > threshold) & np.isin(classes, wanted))
    x, y, width, height = spots[:, rows, columns]
    grid_wh = np.array([cells.shape[2], cells.shape[1]], np.float32)
    centres = (np.stack([columns, rows]) + np.tanh(np.stack([x, y]))) / grid_wh[:, np.newaxis]
    halves = 0.5 / (1 + np.exp(-np.stack([width, height])))
    boxes_xyxy = np.concatenate([centres - halves, centres + halves]).T.astype(np.float32)
    found_scores, found_classes = scores[rows, columns], classes[rows, columns]
    kept = non_max_suppression(boxes_xyxy, found_scores, max_iou=_MAX_IOU)
    return boxes_xyxy[kept], found_scores[kept], found_classes[kept]
