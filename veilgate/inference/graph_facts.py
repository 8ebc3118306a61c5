"""What a graph shows from outside, whatever runtime read it."""

from collections.abc import Mapping
from dataclasses import dataclass

# A dimension that may differ from run to run.
DYNAMIC = -1

_LONGEST_NAME = 60

# None where even the number of dimensions is open.
Shape = tuple[int, ...] | None


class NotADetector(ValueError):
    """The graph is none that finds boxes; the text says why, to follow the name of the file."""


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """Shapes of inputs and outputs, in the graph's order, and its metadata."""

    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    metadata: Mapping[str, str]


def shown(shape: Shape) -> str:
    if shape is None:
        return "a shape that it does not tell"
    return "(" + ", ".join("?" if side == DYNAMIC else str(side) for side in shape) + ")"


def is_class_name(name: object) -> bool:
    """Whether a file's word for a class may stand in answers and logs."""
    return isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable()
