"""What an ONNX file exported by Ultralytics says of itself: class names, sizes, the form of its answer."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from veilgate.inference.detectors.yolo import YoloGeometry, YoloLayout
from veilgate.inference.graph_facts import DYNAMIC, GraphFacts, NotADetector, is_class_name, shown

_LONGEST_TEXT = 100_000
_STRIDE_PX = 32
_LARGEST_SIDE_PX = 4096
_LARGEST_STRIDE_PX = 256


@dataclass(frozen=True, slots=True)
class YoloExport:
    names: tuple[str, ...]
    geometry: YoloGeometry


def read_export(facts: GraphFacts, *, labels: tuple[str, ...], longest_side_px: int) -> YoloExport:
    """The class names and the geometry. `labels` are asked where the metadata has no names.

    Raises `NotADetector`.
    """
    task = facts.metadata.get("task", "detect")
    if task != "detect":
        raise NotADetector(f"is an Ultralytics model for {task[:30]!r}; only those for 'detect' find boxes")
    fixed_wh = _input_wh(facts)
    names = _names(facts.metadata) or labels
    layout = _layout(facts, names)
    if not names:
        raise NotADetector(
            "does not name its classes: export it with Ultralytics, "
            "or give it a line in models/manifest.toml with labels"
        )
    return YoloExport(names, YoloGeometry(layout, fixed_wh, longest_side_px, _stride_px(facts.metadata)))


def _input_wh(facts: GraphFacts) -> tuple[int, int] | None:
    """The only size that it takes; None when it takes any."""
    if len(facts.input_shapes) != 1:
        raise NotADetector(f"takes {len(facts.input_shapes)} inputs; a detector takes one, the picture")
    shape = facts.input_shapes[0]
    if shape is None or len(shape) != 4 or shape[1] not in (3, DYNAMIC):
        raise NotADetector(f"takes {shown(shape)}; a detector takes pictures as (1, 3, height, width)")
    batch, _, height, width = shape
    if batch not in (1, DYNAMIC):
        raise NotADetector(f"takes {batch} pictures at a time; export it with batch=1 or dynamic=True")
    if DYNAMIC in (height, width):
        return None
    if not all(_STRIDE_PX <= side <= _LARGEST_SIDE_PX for side in (height, width)):
        raise NotADetector(
            f"takes pictures of {width}×{height}; {_STRIDE_PX} to {_LARGEST_SIDE_PX} are taken"
        )
    return width, height


def _layout(facts: GraphFacts, names: tuple[str, ...]) -> YoloLayout:
    if len(facts.output_shapes) != 1:
        raise NotADetector(
            f"gives {len(facts.output_shapes)} answers; a detector gives one, boxes (models of masks do not)"
        )
    shape = facts.output_shapes[0]
    if shape is None or len(shape) != 3:
        raise NotADetector(f"answers with {shown(shape)}; a detector answers with boxes")
    _, rows, columns = shape
    # First, because boxes of two classes have six rows as well, and never six cells.
    if columns == 6:
        return YoloLayout.END_TO_END
    if rows == DYNAMIC or (names and rows != 4 + len(names)):
        wanted = f"(1, {4 + len(names)}, cells)" if names else "(1, 4 + classes, cells)"
        raise NotADetector(f"answers with {shown(shape)}; a detector with its classes answers with {wanted}")
    if rows < 5:
        raise NotADetector(f"answers with {shown(shape)}, which has no room for a class")
    return YoloLayout.RAW


def _names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The names in the order of their indices; none when the metadata has none."""
    text = metadata.get("names")
    if text is None:
        return ()
    found = _literal(text)
    if isinstance(found, dict):
        found = [found.get(index, found.get(str(index))) for index in range(len(found))]
    if not isinstance(found, list) or not found or not all(is_class_name(name) for name in found):
        raise NotADetector("has class names in its metadata that are none: " + repr(text[:60]))
    return tuple(found)


def _stride_px(metadata: Mapping[str, str]) -> int:
    found = _literal(metadata.get("stride", str(_STRIDE_PX)))
    if not isinstance(found, int) or not 1 <= found <= _LARGEST_STRIDE_PX:
        return _STRIDE_PX
    return max(found, _STRIDE_PX)


def _literal(text: str) -> object:
    """A value as Python writes it, which is how Ultralytics does; None for anything else."""
    try:
        return ast.literal_eval(text) if len(text) <= _LONGEST_TEXT else None
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
