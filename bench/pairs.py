"""Which find of a model is of which labelled box, whatever class either is of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Detection
from veilgate.services.evaluation.labelled_pictures import UNLABELLED, LabelledPicture
from veilgate.services.evaluation.looking import Contestant
from veilgate.services.evaluation.matching import EXCUSED_PART, make_case, takers_of
from veilgate.services.evaluation.quality import MIN_IOU

Corners = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Boxes:
    """Of one picture, in its pixels: those that the model could name, and those of other classes."""

    names: list[str]
    asked_xyxy: Corners
    others_xyxy: Corners


def boxes_of(picture: LabelledPicture, pixels: NDArray[np.uint8], contestant: Contestant) -> Boxes:
    height, width = pixels.shape[:2]
    boxes_xyxy = picture.parts_xyxy * np.array([width, height, width, height])
    is_asked = np.array([name in (*contestant.labels, UNLABELLED) for name in picture.labels], np.bool_)
    names = [name for name, asked in zip(picture.labels, is_asked, strict=True) if asked]
    return Boxes(names, boxes_xyxy[is_asked], boxes_xyxy[~is_asked])


def pairs(finds: Sequence[Detection], boxes: Boxes) -> Iterator[tuple[int | None, int | None]]:
    """The number of each box with that of the find that takes it, or None; then finds where nothing is. What
    lies on a box of another class is left out. Finds come best first."""
    untyped = boxes.asked_xyxy[np.array(boxes.names, np.str_) == UNLABELLED]
    case = make_case(
        np.array([one.score for one in finds], np.float64),
        np.array([corners(one) for one in finds], np.float64).reshape(-1, 4),
        boxes.asked_xyxy,
        excuses_xyxy=np.concatenate([boxes.others_xyxy, untyped]),
        sizes=np.zeros(len(boxes.names)),
    )
    takers = takers_of(case.ious, MIN_IOU)
    for box, taker in enumerate(takers.tolist()):
        yield box, taker if taker >= 0 else None
    is_excused = (case.excused_ious >= MIN_IOU) | (case.excused_parts >= EXCUSED_PART)
    for find in sorted(set(np.flatnonzero(~is_excused).tolist()) - set(takers.tolist())):
        yield None, find


def corners(find: Detection) -> Corners:
    return np.array((find.box.x1, find.box.y1, find.box.x2, find.box.y2), np.float64)
