"""Models side by side on labelled pictures: `veilgate models evaluate`."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.errors import ConfigurationError
from veilgate.services.evaluation.labelled_pictures import EVERY_SOURCE, LabelledPicture, by_source
from veilgate.services.evaluation.looking import Contestant, look
from veilgate.services.evaluation.quality import (
    Quality,
    Question,
    Scene,
    boxes_by_size,
    is_of_any,
    quality_of,
)

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Speed:
    """Milliseconds a picture: in runs of the graph alone, and from RGB pixels to boxes. The factors are
    medians by those of the last model; None where that one has no graph."""

    model_ms: float
    model_p95_ms: float
    whole_ms: float
    whole_p95_ms: float
    model_factor: float | None
    whole_factor: float


@dataclass(frozen=True, slots=True)
class Part:
    """Pictures of one source, or all. `sizes` are of the boxes that `recall` is about, `any_sizes` of all."""

    source: str
    pictures: int
    boxes: dict[str, int]
    mean_over: tuple[str, ...]
    sizes: dict[str, int]
    any_sizes: dict[str, int]
    qualities: tuple[Quality, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All numbers; what stands for models is in the order of `models`."""

    models: tuple[str, ...]
    parts: tuple[Part, ...]
    speeds: tuple[Speed, ...]


def evaluate(
    contestants: Sequence[Contestant],
    pictures: Sequence[LabelledPicture],
    *,
    read: Callable[[LabelledPicture], Pixels],
    classes: Sequence[str] = (),
    progress: Callable[[int], None] = lambda _number: None,
) -> Evaluation:
    """Every model looks at every picture, in turns. `classes` are those to tell apart; without, all that the
    pictures have boxes of and a model finds. Raises `ConfigurationError` for one without a box, and what
    `read` raises."""
    question = _question(contestants, pictures, classes)
    scenes = []
    for number, picture in enumerate(pictures, start=1):
        scenes.append(_scene(picture, read(picture), contestants))
        progress(number)
    chosen = {**by_source(pictures), EVERY_SOURCE: tuple(range(len(pictures)))}
    parts = tuple(
        _part(source, [scenes[number] for number in numbers], question, contestants)
        for source, numbers in chosen.items()
    )
    models = tuple(contestant.detector.model_id for contestant in contestants)
    return Evaluation(models, parts, _speeds(scenes, len(contestants)))


def _question(
    contestants: Sequence[Contestant], pictures: Sequence[LabelledPicture], classes: Sequence[str]
) -> Question:
    boxes = Counter(label for picture in pictures for label in picture.labels)
    offered = [set(contestant.labels) for contestant in contestants]
    for name in classes:
        if not boxes[name]:
            raise ConfigurationError(
                f"--classes: there is no box of {name!r}; there are: {', '.join(sorted(boxes)) or 'none'}"
            )
    known = tuple(name for name in boxes if any(name in labels for labels in offered))
    for name in classes:
        if name not in known:
            raise ConfigurationError(f"--classes: no model finds {name!r}")
    asked = tuple(classes) or tuple(name for name, _ in boxes.most_common() if name in known)
    shared = tuple(name for name in asked if all(name in labels for labels in offered))
    return Question(asked, shared, known)


def _scene(picture: LabelledPicture, pixels: Pixels, contestants: Sequence[Contestant]) -> Scene:
    height, width = pixels.shape[:2]
    boxes_xyxy = picture.parts_xyxy * np.array([width, height, width, height], np.float64)
    areas = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).prod(axis=1)
    return Scene(
        np.array(picture.labels, np.str_),
        boxes_xyxy,
        np.sqrt(areas) / max(width, height),
        look(contestants, pixels),
    )


def _part(
    source: str, scenes: Sequence[Scene], question: Question, contestants: Sequence[Contestant]
) -> Part:
    labels = np.concatenate([scene.labels for scene in scenes])
    sizes = np.concatenate([scene.sizes for scene in scenes])
    qualities = [
        quality_of(scenes, number, question, contestant.labels)
        for number, contestant in enumerate(contestants)
    ]
    return Part(
        source,
        len(scenes),
        dict(Counter(labels.tolist()).most_common()),
        question.shared,
        boxes_by_size(sizes[np.isin(labels, question.shared)]),
        boxes_by_size(sizes[is_of_any(labels, question.known)]),
        tuple(qualities),
    )


def _speeds(scenes: Sequence[Scene], models: int) -> tuple[Speed, ...]:
    """All from the same pictures: what varies between them varies for all models."""
    times_ms = np.array([[(look.model_ms, look.whole_ms) for look in scene.looks] for scene in scenes])
    medians_ms, p95s_ms = np.median(times_ms, axis=0), np.percentile(times_ms, 95, axis=0)
    last_model_ms, last_whole_ms = medians_ms[-1]
    return tuple(
        Speed(
            float(medians_ms[model, 0]),
            float(p95s_ms[model, 0]),
            float(medians_ms[model, 1]),
            float(p95s_ms[model, 1]),
            float(medians_ms[model, 0] / last_model_ms) if last_model_ms else None,
            float(medians_ms[model, 1] / last_whole_ms),
        )
        for model in range(models)
    )
