"""`veilgate models evaluate`, for people."""

from collections.abc import Callable, Iterator, Sequence

from veilgate.cli.table import table_lines
from veilgate.services.evaluation.evaluation import Evaluation, Part, Speed
from veilgate.services.evaluation.labelled_pictures import UNLABELLED
from veilgate.services.evaluation.quality import MIN_PRECISION, SIZES, RecallAtPrecision

_NONE = "-"
Row = tuple[str, ...]


def evaluation_lines(found: Evaluation) -> Iterator[str]:
    """A block for each part of the pictures, then the times, then what the words mean."""
    for part in found.parts:
        yield from _part_lines(part, found.models)
        yield ""
    yield from table_lines(list(_speed_rows(found)))
    yield ""
    yield from _explanation(found)


def _part_lines(part: Part, models: Sequence[str]) -> Iterator[str]:
    boxes = ", ".join(f"{number:,} {name}" for name, number in part.boxes.items())
    total = sum(part.boxes.values())
    yield f"{part.source}: {part.pictures:,} pictures, {total:,} boxes{f' ({boxes})' if boxes else ''}"
    yield from table_lines([("", *models), *_quality_rows(part)])


def _quality_rows(part: Part) -> Iterator[Row]:
    qualities = part.qualities
    if any(part.boxes.get(name) for name in qualities[0].ap50):
        for name in qualities[0].ap50:
            yield _row(f"AP50 {name}", [one.ap50[name] for one in qualities])
        yield _row("AP50 mean", [one.mean_ap50 for one in qualities])
        yield _row("AP50:95 mean", [one.mean_ap50_95 for one in qualities])
        yield from _recall_rows("recall", part.sizes, [one.recall for one in qualities])
    yield _row("any: AP50", [one.any_ap50 for one in qualities])
    yield from _recall_rows("any: recall", part.any_sizes, [one.any_recall for one in qualities])


def _recall_rows(
    title: str, sizes: dict[str, int], recalls: Sequence[RecallAtPrecision | None]
) -> Iterator[Row]:
    yield _row(f"{title} at precision {MIN_PRECISION}", [one.recall if one else None for one in recalls])
    for name, boxes in sizes.items():
        yield _row(f"  {name} ({boxes:,})", [one.by_size[name] if one else None for one in recalls])
    yield _row("  from score", [one.from_score if one else None for one in recalls])


def _row(title: str, values: Sequence[float | None]) -> Row:
    return (title, *map(_number, values))


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3f}"


def _speed_rows(found: Evaluation) -> Iterator[Row]:
    def cells(text: Callable[[Speed], str]) -> Row:
        return tuple(map(text, found.speeds))

    yield ("ms a picture: median, p95", *found.models)
    yield ("model alone", *cells(lambda one: f"{one.model_ms:.2f}, {one.model_p95_ms:.2f}"))
    yield ("from pixels to boxes", *cells(lambda one: f"{one.whole_ms:.2f}, {one.whole_p95_ms:.2f}"))
    if len(found.models) > 1:
        last = found.models[-1]
        yield (
            f"model alone, times {last}",
            *cells(lambda one: _NONE if one.model_factor is None else f"{one.model_factor:.2f}"),
        )
        yield (f"pixels to boxes, times {last}", *cells(lambda one: f"{one.whole_factor:.2f}"))


def _explanation(found: Evaluation) -> Iterator[str]:
    part = found.parts[-1]
    if part.mean_over:
        yield f"Means, and recall, are over what every model finds: {', '.join(part.mean_over)}."
    yield "any: all classes as one. from score: the lowest score at which so many finds are right."
    sizes = ", ".join(f"{name} from {edge:g}" for name, edge in SIZES.items())
    yield f"Sizes, in parts of the picture's longer side: {sizes} (the root of the box's area)."
    if part.boxes.get(UNLABELLED):
        yield f"Finds at boxes of {UNLABELLED} count neither way, but for `any`."
    yield "Times: one thread, the models in turns on each picture; decoding is not in them."
