"""Pictures laid onto a square, with what is known of every place on it."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from training.pictures import Pixels
from training.vehicles.labels import ALL_KNOWN, UNTYPED, Labelled

# One mark for each of these squares says which classes are known there.
MARK_PX = 8
_GREY = 114
# Less of a vehicle than this is not to be found; nor is it background.
_LEAST_VISIBLE = 0.3
_LEAST_SIDE_PX = 4.0
# More of a vehicle than this behind something else, and it is not to be found.
_MOST_HIDDEN = 0.6

Window = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Placing:
    """Where a picture comes to lie: its size on the canvas, its upper left corner, what of the canvas it may
    cover, and whether it is mirrored."""

    size_wh: tuple[float, float]
    corner: tuple[float, float]
    window: Window
    mirrored: bool


@dataclass(slots=True)
class Canvas:
    """A square under construction. What nothing was laid on is grey, and known to be empty."""

    side_px: int
    pixels: Pixels = field(init=False)
    known: NDArray[np.uint8] = field(init=False)
    boxes: list[NDArray[np.float32]] = field(init=False, default_factory=list)
    classes: list[NDArray[np.int64]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.pixels = np.full((self.side_px, self.side_px, 3), _GREY, np.uint8)
        marks = self.side_px // MARK_PX
        self.known = np.full((marks, marks), ALL_KNOWN, np.uint8)

    def lay(self, pixels: Pixels, labelled: Labelled, placing: Placing) -> None:
        covered = self._draw(pixels, placing)
        if covered is None:
            return
        self._hide(np.array(covered, np.float32))
        self.known[_marks(np.array(covered, np.float32))] = labelled.known
        self._take(labelled, placing, np.array(covered, np.float32))

    def _draw(self, pixels: Pixels, placing: Placing) -> Window | None:
        """What is covered by it in the end."""
        (left, top), (width, height) = placing.corner, placing.size_wh
        x0, y0 = max(placing.window[0], round(left)), max(placing.window[1], round(top))
        x1, y1 = min(placing.window[2], round(left + width)), min(placing.window[3], round(top + height))
        if x1 - x0 < MARK_PX or y1 - y0 < MARK_PX:
            return None
        high, wide = pixels.shape[:2]
        columns = _span((x0 - left) / width * wide, (x1 - left) / width * wide, wide)
        rows = _span((y0 - top) / height * high, (y1 - top) / height * high, high)
        if placing.mirrored:
            columns = wide - columns[1], wide - columns[0]
        part = pixels[rows[0] : rows[1], columns[0] : columns[1]]
        shrinks = part.shape[1] > 1.3 * (x1 - x0)
        drawn = cv2.resize(
            part, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        )
        self.pixels[y0:y1, x0:x1] = drawn[:, ::-1] if placing.mirrored else drawn
        return x0, y0, x1, y1

    def cover(self, corner: tuple[int, int], surface: Pixels, outline: NDArray[np.float32]) -> None:
        """As something in front of it would; what is behind is still there if enough of it is seen."""
        left, top = corner
        height, width = outline.shape
        behind = self.pixels[top : top + height, left : left + width]
        share = outline[:, :, None]
        behind[:] = (behind * (1 - share) + surface * share).astype(np.uint8)
        self._hide(np.array((left, top, left + width, top + height), np.float32))

    def _hide(self, covered: NDArray[np.float32]) -> None:
        """Forget the boxes that are covered for the most part; what still shows of them is not known."""
        for number, boxes in enumerate(self.boxes):
            sides = np.minimum(boxes[:, 2:], covered[2:]) - np.maximum(boxes[:, :2], covered[:2])
            hidden = sides.clip(0).prod(axis=1) / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1).clip(1e-6)
            is_gone = hidden > _MOST_HIDDEN
            for box in boxes[is_gone]:
                self.known[_touched(box)] = 0
            self.boxes[number], self.classes[number] = boxes[~is_gone], self.classes[number][~is_gone]

    def _take(self, labelled: Labelled, placing: Placing, covered: NDArray[np.float32]) -> None:
        boxes = labelled.boxes
        if placing.mirrored:
            boxes = np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], axis=1)
        whole = boxes * np.array(placing.size_wh * 2, np.float32) + np.array(placing.corner * 2, np.float32)
        seen = np.concatenate(
            [np.maximum(whole[:, :2], covered[:2]), np.minimum(whole[:, 2:], covered[2:])], axis=1
        )
        sides = (seen[:, 2:] - seen[:, :2]).clip(0)
        areas = (whole[:, 2:] - whole[:, :2]).prod(axis=1)
        share = sides.prod(axis=1) / areas.clip(1e-6)
        clear = (share >= _LEAST_VISIBLE) & (sides.min(axis=1) >= _LEAST_SIDE_PX)
        is_typed = labelled.classes != UNTYPED
        for box in seen[(share > 0) & ~(clear & is_typed)]:
            self.known[_touched(box)] = 0
        self.boxes.append(seen[clear & is_typed])
        self.classes.append(labelled.classes[clear & is_typed])


def _marks(box: NDArray[np.float32]) -> tuple[slice, slice]:
    """The marks whose centres lie in a box."""
    x0, y0, x1, y1 = np.ceil(box / MARK_PX - 0.5).astype(int).clip(0)
    return slice(y0, y1), slice(x0, x1)


def _touched(box: NDArray[np.float32]) -> tuple[slice, slice]:
    """The marks that a box has any part of, were it smaller than one."""
    x0, y0 = np.floor(box[:2] / MARK_PX).astype(int).clip(0)
    x1, y1 = np.ceil(box[2:] / MARK_PX).astype(int).clip(0)
    return slice(y0, y1), slice(x0, x1)


def _span(start: float, end: float, limit: int) -> tuple[int, int]:
    first = min(max(0, round(start)), limit - 1)
    return first, min(limit, max(first + 1, round(end)))
