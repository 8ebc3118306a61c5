"""Looking at a large picture as a whole and in tiles, for the faces that shrink away in the whole.

How many tiles there are, each for about the time of the whole view:

                        2 MP (1920 × 1080)   12 MP (4000 × 3000)   40 MP (7300 × 5480)
    seen at 1280 px             2                    12                    35
    seen at 640 px              8                    63                   221
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Box, Detection
from veilgate.imaging.boxes import areas_of, shared_areas
from veilgate.inference.ports import MAX_DETECTIONS, Detector

# Above this scale the whole view loses little, and tiles would cost twice as much or more.
_TILED_BELOW_SCALE = 0.8
# What a detector finds well in the whole view (nine in ten, docs/benchmarks.md) need not fit into a tile.
_SEEN_WELL_PX = 32
# Of a tile's side: more overlap would double the number of tiles of the largest pictures.
_LARGEST_OVERLAP = 1 / 3
# Tiles handed to the detector at once: fills a device, and holds 20 MB where each has 1280 × 1280.
_TILES_AT_ONCE = 4
# A box that ends this close to an edge of its tile may go on beyond it: a cell of a heat map.
_EDGE_PX = 4
# The same face in two views. Two faces behind each other share less.
_SAME_IOU = 0.4
# A cut part of a face lies within the face. A whole box must do so nearly wholly, or a face behind another
# would be left out where it sticks out.
_CUT_WITHIN, _WHOLE_WITHIN = 0.5, 0.8


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of the picture, in whole pixels, half-open."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class _Find:
    """A detection in pixels of the picture. `view` 0 is the whole; `is_cut`: it may go on beyond its tile."""

    detection: Detection
    view: int
    is_cut: bool


class TiledDetector:
    """A detector that also looks at overlapping tiles of pictures which it would otherwise see much reduced.

    Tiles are seen at full size or larger. Every face up to `overlap_px` lies whole in one of them, larger
    ones are left to the whole view. Other pictures are seen as the detector itself sees them.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    @property
    def model_id(self) -> str:
        return self._detector.model_id

    @property
    def default_threshold(self) -> float:
        return self._detector.default_threshold

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return self._detector.input_size(width, height)

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], thresholds: Sequence[float]
    ) -> list[list[Detection]]:
        whole = self._detector.detect(pictures, thresholds)
        return [
            self._with_tiles(pixels, threshold, found)
            for pixels, threshold, found in zip(pictures, thresholds, whole, strict=True)
        ]

    def _with_tiles(
        self, pixels: NDArray[np.uint8], threshold: float, whole: list[Detection]
    ) -> list[Detection]:
        size_wh = (pixels.shape[1], pixels.shape[0])
        tiles = tiles_of(size_wh, self.input_size(*size_wh))
        if not tiles:
            return whole
        finds = [_Find(detection, view=0, is_cut=False) for detection in whole]
        views = enumerate(tiles, start=1)
        while chunk := list(islice(views, _TILES_AT_ONCE)):
            parts = [np.ascontiguousarray(pixels[tile.y1 : tile.y2, tile.x1 : tile.x2]) for _, tile in chunk]
            found = self._detector.detect(parts, [threshold] * len(parts))
            for (view, tile), detections in zip(chunk, found, strict=True):
                finds += (_placed(one, tile, view=view, size_wh=size_wh) for one in detections)
        return _merged(finds)


def tiles_of(size_wh: tuple[int, int], input_wh: tuple[int, int]) -> list[Tile]:
    """The tiles of a picture that a detector sees whole at `input_wh`: alike in size, none longer than the
    longer side of that; empty where the whole view shows enough."""
    scale = min(input_wh[0] / size_wh[0], input_wh[1] / size_wh[1])
    if scale >= _TILED_BELOW_SCALE:
        return []
    longest_px = max(input_wh)
    overlap = overlap_px(scale, longest_px)
    columns, rows = (list(_spans(side, longest_px, overlap)) for side in size_wh)
    return [Tile(x1, y1, x2, y2) for (y1, y2), (x1, x2) in product(rows, columns)]


def overlap_px(scale: float, longest_px: int) -> int:
    """What neighbouring tiles share at least: the longest face that is promised to lie whole in one."""
    return min(math.ceil(_SEEN_WELL_PX / scale), int(longest_px * _LARGEST_OVERLAP))


def _spans(side: int, longest: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Equal intervals that cover a side of the picture; as few as possible, and then as short."""
    if side <= longest:
        yield 0, side
        return
    count = math.ceil((side - overlap) / (longest - overlap))
    length = math.ceil((side + (count - 1) * overlap) / count)
    for index in range(count):
        start = round(index * (side - length) / (count - 1))
        yield start, start + length


def _placed(detection: Detection, tile: Tile, *, view: int, size_wh: tuple[int, int]) -> _Find:
    box = detection.box
    placed = Box(box.x1 + tile.x1, box.y1 + tile.y1, box.x2 + tile.x1, box.y2 + tile.y1)
    is_cut = (
        (tile.x1 > 0 and placed.x1 <= tile.x1 + _EDGE_PX)
        or (tile.y1 > 0 and placed.y1 <= tile.y1 + _EDGE_PX)
        or (tile.x2 < size_wh[0] and placed.x2 >= tile.x2 - _EDGE_PX)
        or (tile.y2 < size_wh[1] and placed.y2 >= tile.y2 - _EDGE_PX)
    )
    return _Find(Detection(detection.label, detection.score, placed), view, is_cut)


def _merged(finds: list[_Find]) -> list[Detection]:
    """Each face once, best first; whole boxes are weighed before cut ones, then by score.

    Only views are weighed against each other: within one, the detector has done so itself. Of a face that
    two views show, the box around both is given, so that merging bares nothing that one of them would have
    veiled. A cut box stays when nothing else holds what it shows: part of a face is better than nothing.
    """
    # Bounded before suppression, whose work grows with the square; twice, for what two views show.
    finds = sorted(finds, key=lambda find: -find.detection.score)[: 2 * MAX_DETECTIONS]
    finds.sort(key=lambda find: find.is_cut)
    boxes_xyxy = _array_of(finds)
    views = np.array([find.view for find in finds])
    labels = np.array([find.detection.label for find in finds])
    within = np.where([find.is_cut for find in finds], _CUT_WITHIN, _WHOLE_WITHIN)
    areas = areas_of(boxes_xyxy)
    waiting = np.arange(len(finds))
    merged: list[Detection] = []
    while waiting.size:
        best, waiting = int(waiting[0]), waiting[1:]
        shared = shared_areas(boxes_xyxy[best], boxes_xyxy[waiting])
        is_rival = (views[waiting] != views[best]) & (labels[waiting] == labels[best])
        is_same = is_rival & (shared > _SAME_IOU * (areas[best] + areas[waiting] - shared))
        is_part = is_rival & (shared >= within[waiting] * areas[waiting]) & (areas[waiting] <= areas[best])
        around = _around(boxes_xyxy[[best, *waiting[is_same]]])
        merged.append(replace(finds[best].detection, box=around))
        waiting = waiting[~(is_same | is_part)]
    return sorted(merged, key=lambda detection: -detection.score)[:MAX_DETECTIONS]


def _array_of(finds: Sequence[_Find]) -> NDArray[np.float32]:
    boxes = [find.detection.box for find in finds]
    return np.array([(box.x1, box.y1, box.x2, box.y2) for box in boxes], np.float32).reshape(-1, 4)


def _around(boxes_xyxy: NDArray[np.float32]) -> Box:
    return Box(*map(float, (*boxes_xyxy[:, :2].min(axis=0), *boxes_xyxy[:, 2:].max(axis=0))))
