"""CenterFace (Xu et al., 2019): faces as peaks of a heat map, with a size and an offset for each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Box, Detection
from veilgate.imaging.boxes import clip_boxes, non_max_suppression, scale_boxes
from veilgate.imaging.resample import resize
from veilgate.inference.detectors.answers import check_finite
from veilgate.inference.detectors.letterbox import round_up
from veilgate.inference.ports import MAX_DETECTIONS, Session

INPUT_SHAPE = (-1, 3, -1, -1)
LABELS = ("face",)
_GRID_PX = 32  # both sides of the input are multiples of this
_STRIDE_PX = 4  # of one heat map cell
_MAX_IOU = 0.3
# Enlarging finds faces that are otherwise too small: a 15 px face scores 0.48 as it is and above 0.8 at
# twice the size, and 210 street photos of 352 to 416 px gave 242 finds for 153. Beyond that there is
# little to gain, and a small picture would cost as much as a large one.
_MAX_ENLARGEMENT = 2.0


class CenterFace:
    """Finds faces; the picture is seen with its longest side at `longest_side_px`."""

    def __init__(
        self, session: Session, *, model_id: str, default_threshold: float, longest_side_px: int
    ) -> None:
        self.model_id = model_id
        self.default_threshold = default_threshold
        self._session = session
        self._longest_side_px = longest_side_px

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        content_w, content_h = self._content_size(width, height)
        return round_up(content_w, _GRID_PX), round_up(content_h, _GRID_PX)

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], thresholds: Sequence[float]
    ) -> list[list[Detection]]:
        # One picture a run: see the measurements in openvino_runtime.py.
        return [
            self._detect_one(pixels, threshold)
            for pixels, threshold in zip(pictures, thresholds, strict=True)
        ]

    def _detect_one(self, pixels: NDArray[np.uint8], threshold: float) -> list[Detection]:
        height, width = pixels.shape[:2]
        content_wh = self._content_size(width, height)
        batch = prepare(pixels, content_wh=content_wh, input_wh=self.input_size(width, height))
        outputs = self._session.run(batch)
        check_finite(self.model_id, outputs)
        heat, scale, offset, _landmarks = outputs
        boxes_xyxy, scores = decode(heat[0, 0], scale[0], offset[0], threshold=threshold)
        boxes_xyxy = scale_boxes(boxes_xyxy, from_wh=content_wh, to_wh=(width, height))
        return _detections(clip_boxes(boxes_xyxy, (width, height)), scores)

    def _content_size(self, width: int, height: int) -> tuple[int, int]:
        """The size of the picture itself within the input, before padding."""
        factor = min(self._longest_side_px / max(width, height), _MAX_ENLARGEMENT)
        return max(1, round(width * factor)), max(1, round(height * factor))


def prepare(
    pixels: NDArray[np.uint8], *, content_wh: tuple[int, int], input_wh: tuple[int, int]
) -> NDArray[np.float32]:
    """The input tensor (1, 3, height, width), RGB, 0..255; black to the right of the picture and below it.

    Padded rather than stretched, so that faces keep their proportions.
    """
    content = resize(pixels, content_wh)
    tensor = np.zeros((1, 3, input_wh[1], input_wh[0]), dtype=np.float32)
    tensor[0, :, : content_wh[1], : content_wh[0]] = content.transpose(2, 0, 1)
    return tensor


def decode(
    heat: NDArray[np.float32],
    scale: NDArray[np.float32],
    offset: NDArray[np.float32],
    *,
    threshold: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (n, 4) in pixels of the input, not yet clipped, and their scores, best first.

    `heat` is (rows, columns); `scale` and `offset` are (2, rows, columns) with y before x.
    """
    rows, columns = np.nonzero(heat > threshold)
    scores = heat[rows, columns]
    sizes_yx = np.exp(scale[:, rows, columns]) * _STRIDE_PX
    centres_yx = (np.stack([rows, columns]) + offset[:, rows, columns] + 0.5) * _STRIDE_PX
    corners = [(centres_yx - sizes_yx / 2)[::-1], (centres_yx + sizes_yx / 2)[::-1]]
    boxes_xyxy = np.concatenate(corners).T.astype(np.float32)
    # Bounded before suppression, whose work grows with the square of what it is given.
    best = np.argsort(-scores, kind="stable")[:MAX_DETECTIONS]
    kept = best[non_max_suppression(boxes_xyxy[best], scores[best], max_iou=_MAX_IOU)]
    return boxes_xyxy[kept], scores[kept]


def _detections(boxes_xyxy: NDArray[np.float32], scores: NDArray[np.float32]) -> list[Detection]:
    return [
        Detection("face", float(score), Box(*map(float, box)))
        for box, score in zip(boxes_xyxy, scores, strict=True)
        if box[2] > box[0] and box[3] > box[1]  # what was found in the padding has nothing left
    ]
