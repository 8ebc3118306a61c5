"""What an ONNX file made by training/ says of itself."""

import json
from collections.abc import Mapping

from veilgate.inference.detectors.pyramid import SIDES, STRIDES_PX, PyramidGeometry
from veilgate.inference.graph_facts import DYNAMIC, GraphFacts, NotADetector, is_class_name, shown

_LONGEST_TEXT = 10_000
# More cells than those of a side of 1280 would make one noisy picture a matter of seconds.
_SIDES_PX = range(STRIDES_PX[-1], 1281)


def read_pyramid(facts: GraphFacts) -> PyramidGeometry:
    """Raises `NotADetector`."""
    names = _names(facts.metadata)
    longest_side_px = _longest_side_px(facts.metadata)
    if len(facts.input_shapes) != 1 or len(facts.output_shapes) != len(STRIDES_PX):
        raise NotADetector(
            f"takes {len(facts.input_shapes)} inputs and gives {len(facts.output_shapes)} answers; "
            f"a detector trained here takes pictures and gives {len(STRIDES_PX)} grids"
        )
    (taken,) = facts.input_shapes
    if taken is None or len(taken) != 4 or taken[1] not in (3, DYNAMIC) or taken[2:] != (DYNAMIC, DYNAMIC):
        raise NotADetector(
            f"takes {shown(taken)}; a detector trained here takes (N, 3, height, width) of any size"
        )
    for shape in facts.output_shapes:
        if shape is None or len(shape) != 4 or shape[1] not in (SIDES + len(names), DYNAMIC):
            due = f"(N, {SIDES + len(names)}, rows, columns)"
            raise NotADetector(f"answers with {shown(shape)}; with its classes it would with {due}")
    return PyramidGeometry(names, longest_side_px)


def _names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    text = metadata.get("names", "")
    try:
        names = json.loads(text) if len(text) <= _LONGEST_TEXT else None
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not names or not all(is_class_name(name) for name in names):
        raise NotADetector(f"does not name its classes in its metadata, as `names`: {text[:60]!r}")
    if len(set(names)) != len(names):
        raise NotADetector(f"names a class twice: {text[:60]!r}")
    return tuple(names)


def _longest_side_px(metadata: Mapping[str, str]) -> int:
    text = metadata.get("longest_side_px", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) in _SIDES_PX):
        raise NotADetector(
            "does not say in its metadata, as `longest_side_px`, the size at which it sees pictures "
            f"({_SIDES_PX[0]} to {_SIDES_PX[-1]}): {text[:60]!r}"
        )
    return int(text)
