"""Weights in half precision, computed with in full: half the bytes, for answers that hardly differ."""

import numpy as np
from onnx import GraphProto, TensorProto, helper, numpy_helper

# Smaller ones are levels and shapes: they cost nothing, and some of them have to be exact.
_FROM_NUMBERS = 1024


def halve_weights(graph: GraphProto) -> None:
    """In place."""
    casts = []
    for weights in graph.initializer:
        numbers = numpy_helper.to_array(weights)
        if numbers.dtype != np.float32 or numbers.size < _FROM_NUMBERS:
            continue
        name, half = weights.name, f"{weights.name}.half"
        weights.CopyFrom(numpy_helper.from_array(numbers.astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)
