"""Small ONNX detectors made by hand, in the form that training/ exports.

A cell that is magenta all over is a `car`, a green one is a `bus`, at every stride; its box reaches one
stride from its centre to all sides.
"""

import json
from collections import Counter
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.integration.models.onnx_graphs import serialised
from veilgate.inference.openvino_runtime import OpenVinoGraph

NAMES = ("car", "bus")
STRIDES_PX = (8, 16, 32)
LONGEST_SIDE_PX = 128
# For a car: magenta 5, green -35, every grey -15; for a bus the other way round. Exact in eight bits.
_OF_COLOUR, _OF_NOTHING = 10.0, -15.0


def said(**changes: str) -> dict[str, str]:
    return {"names": json.dumps(NAMES), "longest_side_px": str(LONGEST_SIDE_PX)} | changes


def colour_pyramid(
    *, quantised: bool = False, strides: Sequence[int] = STRIDES_PX, props: dict[str, str] | None = None
) -> bytes:
    """The content of an .onnx file; `quantised` has its convolutions between pairs of quantisation."""
    nodes: list[onnx.NodeProto] = []
    # Rows: four distances, then the classes. Columns: red, green, blue.
    weights = np.zeros((4 + len(NAMES), 3, 1, 1), np.float32)
    weights[4, :, 0, 0] = np.array([1, -2, 1]) * _OF_COLOUR
    weights[5] = -weights[4]
    bias = np.array([1, 1, 1, 1, _OF_NOTHING, _OF_NOTHING], np.float32)
    constants = [numpy_helper.from_array(bias, "bias")]
    if quantised:
        nodes.append(helper.make_node("DequantizeLinear", ["whole", "weight_scale"], ["weights"]))
        constants += [
            numpy_helper.from_array((weights / _OF_COLOUR).astype(np.int8), "whole"),
            numpy_helper.from_array(np.array(_OF_COLOUR, np.float32), "weight_scale"),
            numpy_helper.from_array(np.array(1 / 255, np.float32), "picture_scale"),
            numpy_helper.from_array(np.array(0, np.uint8), "zero"),
        ]
    else:
        constants.append(numpy_helper.from_array(weights, "weights"))
    for stride in strides:
        nodes += _grid(stride, quantised=quantised)
    outline = helper.make_graph(
        nodes,
        "main_graph",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", 3, "height", "width"])],
        [
            helper.make_tensor_value_info(
                f"stride{stride}",
                TensorProto.FLOAT,
                ["n", 4 + len(NAMES), f"rows{stride}", f"columns{stride}"],
            )
            for stride in strides
        ],
        constants,
    )
    return serialised(outline, said() if props is None else props)


def _grid(stride: int, *, quantised: bool) -> list[onnx.NodeProto]:
    cells = f"cells{stride}"
    sides = [stride, stride]
    nodes = [helper.make_node("AveragePool", ["pictures"], [cells], kernel_shape=sides, strides=sides)]
    if quantised:
        scale = ["picture_scale", "zero"]
        nodes += [
            helper.make_node("QuantizeLinear", [cells, *scale], [f"{cells}_whole"]),
            helper.make_node("DequantizeLinear", [f"{cells}_whole", *scale], [f"{cells}_again"]),
        ]
        cells = f"{cells}_again"
    return [*nodes, helper.make_node("Conv", [cells, "weights", "bias"], [f"stride{stride}"])]


def convolutions(content: bytes) -> Counter[str]:
    """How many convolutions the runtime computes in which type, as it says itself."""
    compiled = OpenVinoGraph(content).compile((1, 3, 320, 320), streams=1, exact=False)
    facts = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    return Counter(
        fact["runtimePrecision"].astype(str)
        for fact in facts
        if fact["layerType"].astype(str) == "Convolution"
    )
