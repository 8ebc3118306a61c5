"""Adding an adapter as docs/models.md says: the class in that text, on a graph, and on a graph gone wrong."""

import re
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.integration.models.onnx_graphs import serialised
from veilgate.domain.errors import StageFailed
from veilgate.inference.openvino_runtime import OpenVinoSession
from veilgate.inference.ports import Detector


def small_faces(repository_root: Path, answer: list[list[float]]) -> Detector:
    text = (repository_root / "docs" / "models.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    module: dict[str, object] = {"__name__": "small_faces"}
    exec(compile(example, "docs/models.md", "exec"), module)  # noqa: S102 - our own text
    session = OpenVinoSession(graph_that_answers(answer), input_shape=(1, 3, 128, 128))
    built: Detector = module["SmallFaces"](session, model_id="small", default_threshold=0.2)  # type: ignore[operator]
    return built


def graph_that_answers(rows: list[list[float]]) -> bytes:
    outline = helper.make_graph(
        [
            helper.make_node("ReduceMin", ["images"], ["darkest"], keepdims=0),
            helper.make_node("Sub", ["darkest", "darkest"], ["nothing"]),
            helper.make_node("Add", ["rows", "nothing"], ["output0"]),
        ],
        "main_graph",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 128, 128])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, len(rows), 5])],
        [numpy_helper.from_array(np.array([rows], np.float32), "rows")],
    )
    return serialised(outline, {})


def test_the_example_of_the_documentation_runs(repository_root: Path) -> None:
    rows = [[0, 0, 0.5, 0.5, 0.1], [0.25, 0.5, 0.5, 1.0, 0.6], [0.5, 0.5, 1.5, 1.0, 0.9]]
    (found,) = small_faces(repository_root, rows).detect([np.zeros((200, 400, 3), np.uint8)], [0.2])
    assert [one.box.as_list() for one in found] == [[200, 100, 400, 200], [100, 100, 200, 200]]


def test_and_it_fails_closed(repository_root: Path) -> None:
    detector = small_faces(repository_root, [[0, 0, 1, 1, float("nan")]])
    with pytest.raises(StageFailed):
        detector.detect([np.zeros((200, 400, 3), np.uint8)], [0.2])
