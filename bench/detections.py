"""Where a model fails: the pictures that it did worst on, in one sheet.

`python -m bench.detections --model vehicles-v1 --data FOLDER --out worst.jpg`; FOLDER is as for `veilgate
models evaluate`. Green: found. Red: missed. Orange: a find where there is nothing, or of another class. Thin
and white: not judged.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.pairs import Boxes, Corners, boxes_of, corners, pairs
from config import get_config
from veilgate.domain.detections import Detection
from veilgate.services.evaluation.labelled_pictures import (
    UNLABELLED,
    LabelledPicture,
    read_labelled_pictures,
)
from veilgate.services.evaluation.looking import Contestant
from veilgate.services.evaluation.pixels import read_pixels
from veilgate.wiring.named_models import open_contestant
from veilgate.wiring.resources import picture_limits

_GREEN, _RED, _ORANGE, _WHITE = (70, 190, 60), (40, 40, 230), (0, 150, 255), (255, 255, 255)
_CELL_WH, _CAPTION_PX, _COLUMNS = (360, 300), 18, 4
_FONT, _QUALITY = cv2.FONT_HERSHEY_SIMPLEX, 88


@dataclass(frozen=True, slots=True)
class Mark:
    """A box to draw, in pixels of the picture."""

    box_xyxy: Corners
    colour: tuple[int, int, int]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture with its marks; `badness` is the sides of all that is wrong, by the picture's longer side."""

    picture: LabelledPicture
    pixels_bgr: NDArray[np.uint8]
    marks: list[Mark]
    badness: float


def main(words: Sequence[str] | None = None) -> None:
    arguments = _parse(words)
    config = get_config()
    contestant = open_contestant(config, arguments.model)
    from_score = contestant.detector.default_threshold if arguments.score is None else arguments.score
    failures = []
    for picture in read_labelled_pictures(arguments.data):
        if picture.path.name.startswith(arguments.only):
            pixels = read_pixels(picture.path, picture_limits(config))
            failures.append(_failure(picture, pixels, contestant, from_score))
            failures = sorted(failures, key=lambda one: -one.badness)[: arguments.worst]
    if not failures:
        raise SystemExit(f"no picture of {arguments.data} begins with {arguments.only!r}")
    sheet = _sheet([_cell(failure) for failure in failures])
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if arguments.out.suffix in {".jpg", ".jpeg"} else []
    cv2.imwrite(str(arguments.out), sheet, options)
    print(f"{arguments.out}: {len(failures)} pictures, finds from {from_score:g} on")


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.detections", description=__doc__)
    parser.add_argument("--model", required=True, help="an id of the manifest, or a file")
    parser.add_argument("--data", type=Path, required=True, help="holds images/ and labels/")
    parser.add_argument("--out", type=Path, required=True, help="a .jpg or .png")
    parser.add_argument("--worst", type=int, default=12, help="how many pictures (12)")
    parser.add_argument("--score", type=float, help="finds count from here on (the model's own threshold)")
    parser.add_argument("--only", default="", help="pictures whose names begin so")
    return parser.parse_args(words)


def _failure(
    picture: LabelledPicture, pixels: NDArray[np.uint8], contestant: Contestant, from_score: float
) -> Failure:
    finds = contestant.detector.detect([pixels], [from_score])[0]
    boxes = boxes_of(picture, pixels, contestant)
    marks = [Mark(box, _WHITE) for box in boxes.others_xyxy]
    marks += _marks(finds, boxes)
    wrong = [_side_px(mark.box_xyxy) for mark in marks if mark.colour in (_RED, _ORANGE)]
    badness = sum(wrong) / max(pixels.shape[:2])
    return Failure(picture, np.ascontiguousarray(pixels[:, :, ::-1]), marks, badness)


def _marks(finds: list[Detection], boxes: Boxes) -> Iterator[Mark]:
    """Whatever the class, each box is given the find that takes it, so that a wrong class is seen as one."""
    for box, find in pairs(finds, boxes):
        if box is None:
            assert find is not None
            yield _scored(finds[find], _ORANGE)
        elif find is None:
            yield Mark(boxes.asked_xyxy[box], _RED, boxes.names[box])
        elif boxes.names[box] not in (finds[find].label, UNLABELLED):
            text = f"{finds[find].label}, is {boxes.names[box]}"
            yield Mark(corners(finds[find]), _ORANGE, text)
        else:
            yield _scored(finds[find], _GREEN)


def _scored(find: Detection, colour: tuple[int, int, int]) -> Mark:
    return Mark(corners(find), colour, f"{find.label} {find.score:.2f}")


def _side_px(box_xyxy: Corners) -> float:
    return float(np.sqrt((box_xyxy[2:] - box_xyxy[:2]).prod()))


def _cell(failure: Failure) -> NDArray[np.uint8]:
    """The picture as large as a cell holds it, its marks, and its name below."""
    height, width = failure.pixels_bgr.shape[:2]
    scale = min(_CELL_WH[0] / width, _CELL_WH[1] / height)
    small = cv2.resize(failure.pixels_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for mark in failure.marks:
        x1, y1, x2, y2 = (round(float(value) * scale) for value in mark.box_xyxy)
        cv2.rectangle(small, (x1, y1), (x2, y2), mark.colour, 1 if mark.colour == _WHITE else 2)
        _write(small, mark.text, (x1 + 2, max(y1 - 3, 10)), mark.colour)
    cell = np.full((_CELL_WH[1] + _CAPTION_PX, _CELL_WH[0], 3), 255, np.uint8)
    top, left = (_CELL_WH[1] - small.shape[0]) // 2, (_CELL_WH[0] - small.shape[1]) // 2
    cell[top : top + small.shape[0], left : left + small.shape[1]] = small
    name = failure.picture.path.stem
    cv2.putText(cell, name, (4, _CELL_WH[1] + 13), _FONT, 0.4, (60, 60, 60), 1, cv2.LINE_AA)
    return cell


def _write(pixels: NDArray[np.uint8], text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """With a dark edge, so that it is read on anything."""
    cv2.putText(pixels, text, at, _FONT, 0.38, (20, 20, 20), 3, cv2.LINE_AA)
    cv2.putText(pixels, text, at, _FONT, 0.38, colour, 1, cv2.LINE_AA)


def _sheet(cells: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    columns = min(_COLUMNS, len(cells))
    blank = np.full_like(cells[0], 255)
    cells = [*cells, *[blank] * (-len(cells) % columns)]
    rows = [np.hstack(cells[first : first + columns]) for first in range(0, len(cells), columns)]
    return np.vstack(rows)


if __name__ == "__main__":
    main()
