"""Small ONNX detectors made by hand, in the forms that Ultralytics exports.

They find magenta (`face`) and green (`plate`): of each the one box around all of it, exact in pixels of the
input. A score is how pure the colour is. What is not end to end says each box four times, three of them a
pixel or two off and less sure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NAMES = ("face", "plate")
CLASS_NAMES = "{0: 'face', 1: 'plate'}"
MAGENTA = (255, 0, 255)
GREEN = (0, 255, 0)
# The longest side that it can take: whole numbers and halves up to this are exact in half precision, too.
_FAR = 1024


def metadata(**changes: str) -> dict[str, str]:
    """As Ultralytics 8.3 writes it."""
    return {
        "description": "Ultralytics YOLOv8n model trained on faces.yaml",
        "author": "Ultralytics",
        "date": "2025-01-01T00:00:00",
        "version": "8.3.40",
        "license": "AGPL-3.0 License (https://ultralytics.com/license)",
        "docs": "https://docs.ultralytics.com",
        "stride": "32",
        "task": "detect",
        "batch": "1",
        "imgsz": "[640, 640]",
        "names": CLASS_NAMES,
        "args": "{'batch': 1, 'half': False, 'dynamic': False, 'simplify': True, 'opset': 17, 'nms': False}",
    } | changes


def colour_detector(
    *,
    input_shape: Sequence[int | str] = (1, 3, 640, 640),
    end_to_end: bool = False,
    half: bool = False,
    props: Mapping[str, str] | None = None,
    loudness: float = 1.0,
) -> bytes:
    """The content of an .onnx file. `loudness` multiplies the scores."""
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    graph = _Graph(np.dtype(np.float16 if half else np.float32))
    columns = [column for index in range(len(NAMES)) for column in _columns(graph, index, loudness)]
    if end_to_end:
        rows = [graph.add("Concat", *_corners(graph, column), axis=2) for column in columns if column.is_best]
        empty = graph.add("Mul", rows[0], graph.number(0))
        answer = graph.add("Concat", *rows, empty, empty, axis=1)
    else:
        answer = graph.add(
            "Concat", *(graph.add("Concat", *_raw(column), axis=1) for column in columns), axis=2
        )
    outline = helper.make_graph(
        [*graph.nodes, helper.make_node("Identity", [answer], ["output0"])],
        "main_graph",
        [helper.make_tensor_value_info("images", kind, list(input_shape))],
        [
            helper.make_tensor_value_info(
                "output0", kind, [1, 2 + 2, 6] if end_to_end else [1, 6, len(columns)]
            )
        ],
        graph.constants,
    )
    return serialised(outline, metadata() if props is None else props)


def constant_answers(
    *shapes: Sequence[int],
    value: float = 0.0,
    input_shape: Sequence[int | str] = (1, 3, 64, 64),
    inputs: Sequence[str] = ("images",),
    props: Mapping[str, str] | None = None,
) -> bytes:
    """A graph that gives answers of these shapes, full of `value`, whatever it sees."""
    graph = _Graph(np.dtype(np.float32))
    quiets = [
        graph.add("ReduceMax", graph.add("Mul", name, graph.number(0)), graph.ints(0, 1, 2, 3), keepdims=0)
        for name in inputs
    ]
    quiet = graph.add("Sum", *quiets)
    nodes, outputs = list(graph.nodes), []
    for position, shape in enumerate(shapes):
        full = graph.constant(np.full(shape, value, np.float32))
        nodes.append(helper.make_node("Add", [full, quiet], [f"output{position}"]))
        outputs.append(helper.make_tensor_value_info(f"output{position}", TensorProto.FLOAT, list(shape)))
    taken = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(input_shape)) for name in inputs]
    outline = helper.make_graph(nodes, "main_graph", taken, outputs, graph.constants)
    return serialised(outline, metadata() if props is None else props)


def serialised(outline: onnx.GraphProto, props: Mapping[str, str]) -> bytes:
    model = helper.make_model(outline, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, dict(props))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@dataclass
class _Graph:
    kind: "np.dtype[np.generic]"
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def number(self, value: float) -> str:
        return self.constant(np.array(value, self.kind))

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def constant(self, value: "np.ndarray") -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def channel(self, index: int) -> str:
        return self.add("Gather", "images", self.ints(index), axis=1)


@dataclass(frozen=True)
class _Column:
    """The names of one box's values, each (1, 1, 1)."""

    x1: str
    y1: str
    x2: str
    y2: str
    centre_x: str
    centre_y: str
    width: str
    height: str
    scores: tuple[str, ...]
    index: int
    is_best: bool


def _columns(graph: _Graph, index: int, loudness: float) -> list[_Column]:
    """The boxes of one class: the right one, and three that are slightly off."""
    purity = _purity(graph, index)
    mask = graph.add("Cast", graph.add("Greater", purity, graph.number(0.1)), to=_onnx_type(graph))
    x1, x2 = _extent(graph, mask, axis=3)
    y1, y2 = _extent(graph, mask, axis=2)
    score = graph.add("Mul", _largest(graph, purity), graph.number(loudness))
    silence = graph.add("Mul", score, graph.number(0))
    columns = []
    for shift, share in ((0, 1.0), (1, 0.9), (-1, 0.8), (2, 0.7)):
        left, right = (graph.add("Add", x, graph.number(shift)) for x in (x1, x2))
        surely = graph.add("Mul", score, graph.number(share))
        columns.append(
            _Column(
                left,
                y1,
                right,
                y2,
                _half(graph, "Add", left, right),
                _half(graph, "Add", y1, y2),
                graph.add("Sub", right, left),
                graph.add("Sub", y2, y1),
                tuple(surely if one == index else silence for one in range(len(NAMES))),
                index,
                shift == 0,
            )
        )
    return columns


def _raw(column: _Column) -> list[str]:
    return [column.centre_x, column.centre_y, column.width, column.height, *column.scores]


def _corners(graph: _Graph, column: _Column) -> list[str]:
    score = column.scores[column.index]
    label = graph.add("Add", graph.add("Mul", score, graph.number(0)), graph.number(column.index))
    return [column.x1, column.y1, column.x2, column.y2, score, label]


def _purity(graph: _Graph, index: int) -> str:
    """(1, 1, height, width): 1 where the colour is pure, 0 in all greys."""
    channels = [graph.channel(channel) for channel in range(3)]
    has = [level > 0 for level in (MAGENTA, GREEN)[index]]
    near = [
        channel if wanted else graph.add("Sub", graph.number(1), channel)
        for channel, wanted in zip(channels, has, strict=True)
    ]
    doubled = graph.add("Mul", graph.add("Min", *near), graph.number(2))
    return graph.add("Relu", graph.add("Sub", doubled, graph.number(1)))


def _extent(graph: _Graph, mask: str, *, axis: int) -> tuple[str, str]:
    """The first coordinate of the mask along the axis, and the one after the last."""
    ones = graph.add("Add", graph.add("Mul", mask, graph.number(0)), graph.number(1))
    after = graph.add("CumSum", ones, graph.constant(np.array(axis, np.int64)))
    from_far = graph.add("Sub", graph.number(_FAR + 1), after)
    nearest = _largest(graph, graph.add("Mul", mask, from_far))
    return graph.add("Sub", graph.number(_FAR), nearest), _largest(graph, graph.add("Mul", mask, after))


def _largest(graph: _Graph, values: str) -> str:
    """Over the picture, as (1, 1, 1)."""
    return graph.add(
        "ReduceMax", graph.add("ReduceMax", values, graph.ints(3), keepdims=1), graph.ints(2), keepdims=0
    )


def _half(graph: _Graph, operator: str, one: str, other: str) -> str:
    return graph.add("Mul", graph.add(operator, one, other), graph.number(0.5))


def _onnx_type(graph: _Graph) -> int:
    return int(helper.np_dtype_to_tensor_dtype(graph.kind))
