"""How well one model did on pictures, in the numbers that models are compared by."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veilgate.imaging.boxes import non_max_suppression
from veilgate.services.evaluation.labelled_pictures import UNLABELLED
from veilgate.services.evaluation.looking import Look
from veilgate.services.evaluation.matching import Case, Ledger, judge, make_case, together
from veilgate.services.evaluation.precision import average_precision, working_point

MIN_IOU = 0.5
IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
MIN_PRECISION = 0.8
# Boxes that overlap by more are about one thing.
_SAME_IOU = 0.6
# From where on a box is of that size: its side (the root of its area) by the picture's longer side.
SIZES = {"small": 0.0, "medium": 0.1, "large": 0.3}


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A picture's boxes in pixels, with the size of each (see SIZES), and what each model saw."""

    labels: NDArray[np.str_]
    boxes_xyxy: NDArray[np.float64]
    sizes: NDArray[np.float64]
    looks: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class RecallAtPrecision:
    """The share of boxes found where MIN_PRECISION of the finds are right, which is from `from_score` on; by
    size None where there is no box of that size."""

    recall: float
    from_score: float | None
    by_size: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Quality:
    """AP by class is None for a class that the model has not; means are over the classes that all models
    have. `any_…`: with all classes taken as one. None where there is nothing to find."""

    ap50: dict[str, float | None]
    ap50_95: dict[str, float | None]
    mean_ap50: float | None
    mean_ap50_95: float | None
    recall: RecallAtPrecision | None
    any_ap50: float | None
    any_recall: RecallAtPrecision | None


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for: `classes` in its own right, of which all models have the `shared` ones; a box of
    one that is not `known` to any model, nor UNLABELLED, is not judged where all classes are one."""

    classes: tuple[str, ...]
    shared: tuple[str, ...]
    known: tuple[str, ...]


def quality_of(scenes: Sequence[Scene], model: int, question: Question, labels: Collection[str]) -> Quality:
    """Of the `model`th of each scene's looks, which finds `labels`."""
    cases = {
        name: [_case_of_class(scene, model, name) for scene in scenes]
        for name in question.classes
        if name in labels
    }
    ledgers = {name: [judge(one, min_iou=iou) for iou in IOUS] for name, one in cases.items()}
    ap50 = {name: _ap(ledgers[name][0]) if name in ledgers else None for name in question.classes}
    ap50_95 = {
        name: _mean([_ap(one) for one in ledgers[name]]) if name in ledgers else None
        for name in question.classes
    }
    of_any = judge([_case_of_any(scene, model, question.known) for scene in scenes], min_iou=MIN_IOU)
    return Quality(
        ap50,
        ap50_95,
        _mean([ap50[name] for name in question.shared]),
        _mean([ap50_95[name] for name in question.shared]),
        _recall(together([ledgers[name][0] for name in question.shared])),
        _ap(of_any),
        _recall(of_any),
    )


def boxes_by_size(sizes: NDArray[np.float64]) -> dict[str, int]:
    """How many are of each of SIZES."""
    return {name: int(chosen.sum()) for name, chosen in _by_size(sizes).items()}


def is_of_any(labels: NDArray[np.str_], known: Collection[str]) -> NDArray[np.bool_]:
    """Which boxes are looked for where all classes are one."""
    return np.isin(labels, [*known, UNLABELLED])


def _case_of_class(scene: Scene, model: int, name: str) -> Case:
    look, is_it = scene.looks[model], scene.labels == name
    is_found = look.labels == name
    return make_case(
        look.scores[is_found],
        look.boxes_xyxy[is_found],
        scene.boxes_xyxy[is_it],
        excuses_xyxy=scene.boxes_xyxy[scene.labels == UNLABELLED],
        sizes=scene.sizes[is_it],
    )


def _case_of_any(scene: Scene, model: int, known: Collection[str]) -> Case:
    look, is_it = scene.looks[model], is_of_any(scene.labels, known)
    # A vehicle that was told of under two names is one.
    boxes_xyxy, scores = look.boxes_xyxy.astype(np.float32), look.scores.astype(np.float32)
    kept = non_max_suppression(boxes_xyxy, scores, max_iou=_SAME_IOU)
    return make_case(
        look.scores[kept],
        look.boxes_xyxy[kept],
        scene.boxes_xyxy[is_it],
        excuses_xyxy=scene.boxes_xyxy[~is_it],
        sizes=scene.sizes[is_it],
    )


def _ap(ledger: Ledger) -> float | None:
    return average_precision(ledger.scores, ledger.is_right, boxes=len(ledger.found_at))


def _mean(values: Sequence[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return sum(given) / len(given) if given else None


def _recall(ledger: Ledger) -> RecallAtPrecision | None:
    point = working_point(
        ledger.scores, ledger.is_right, boxes=len(ledger.found_at), min_precision=MIN_PRECISION
    )
    if point is None:
        return None
    is_found = ledger.found_at >= (np.inf if point.from_score is None else point.from_score)
    by_size = {
        name: float(is_found[chosen].mean()) if chosen.any() else None
        for name, chosen in _by_size(ledger.sizes).items()
    }
    return RecallAtPrecision(point.recall, point.from_score, by_size)


def _by_size(sizes: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
    bins = np.digitize(sizes, list(SIZES.values())) - 1
    return {name: bins == number for number, name in enumerate(SIZES)}
