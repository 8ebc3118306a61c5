"""What a graph shows from outside, whatever runtime read it."""

from collections.abc import Mapping
from dataclasses import dataclass

# A dimension that may differ from run to run.
DYNAMIC = -1

# None where even the number of dimensions is open.
Shape = tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """Shapes of inputs and outputs, in the graph's order, and its metadata."""

    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    metadata: Mapping[str, str]
