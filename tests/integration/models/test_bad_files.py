"""Whatever a setting names by mistake: one line that names the setting, soon, and the process lives."""

import re
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from tests.integration.models.onnx_graphs import colour_detector, constant_answers, metadata, serialised
from veilgate.domain.errors import ConfigurationError
from veilgate.inference.manifest import Manifest, ModelKind
from veilgate.inference.models import DetectorOptions, load_model

LONGEST_S = 1.0


def jpeg() -> bytes:
    stream = BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "JPEG")
    return stream.getvalue()


def with_weights_elsewhere(location: str) -> bytes:
    model = onnx.load_from_string(colour_detector())
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    entry = weights.external_data.add()
    entry.key, entry.value = "location", location
    return bytes(model.SerializeToString())


def with_unknown_operator() -> bytes:
    model = onnx.load_from_string(colour_detector())
    model.graph.node[0].op_type = "Levitate"
    return bytes(model.SerializeToString())


def in_a_ring() -> bytes:
    """Two nodes that wait for each other."""
    model = onnx.load_from_string(colour_detector())
    model.graph.node[0].input[0] = model.graph.node[-1].output[0]
    return bytes(model.SerializeToString())


def of_whole_numbers() -> bytes:
    outline = helper.make_graph(
        [helper.make_node("Cast", ["images"], ["output0"], to=TensorProto.FLOAT)],
        "main_graph",
        [helper.make_tensor_value_info("images", TensorProto.STRING, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 3, 64, 64])],
    )
    return serialised(outline, metadata())


def with_a_detour(node: onnx.NodeProto, *constants: onnx.TensorProto) -> bytes:
    """A detector from outside, whose answer waits for `node`, which gives "detour"."""
    model = onnx.load_from_string(constant_answers((1, 6, 84)))
    model.graph.node[-1].output[0] = "straight"
    model.graph.initializer.extend(constants)
    largest = helper.make_node("ReduceMax", ["detour"], ["largest"], keepdims=0)
    answer = helper.make_node("Add", ["straight", "largest"], ["output0"])
    model.graph.node.extend([node, largest, answer])
    return bytes(model.SerializeToString())


def with_a_giant_constant() -> bytes:
    shape = numpy_helper.from_array(np.array([1 << 40]), "giant")
    return with_a_detour(helper.make_node("ConstantOfShape", ["giant"], ["detour"]), shape)


def with_a_backward_pool() -> bytes:
    pool = helper.make_node("MaxPool", ["images"], ["detour"], kernel_shape=[2, 2], strides=[-1, -1])
    return with_a_detour(pool)


def junk(seed: int) -> bytes:
    return bytes(np.random.default_rng(seed).integers(0, 256, 20_000, np.uint8))


def flipped(seed: int) -> bytes:
    """A detector with a tenth of its bytes overwritten."""
    random = np.random.default_rng(seed)
    content = np.frombuffer(colour_detector(), np.uint8).copy()
    content[random.integers(0, len(content), len(content) // 10)] = 255
    return content.tobytes()


WHOLE = len(colour_detector())
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "is empty"),
    "one byte": (lambda: b"\x00", "is not a graph that runs here"),
    "random bytes": (lambda: junk(1), "is not a graph that runs here"),
    "more random bytes": (lambda: junk(2), "is not a graph that runs here"),
    "a text": (lambda: b"weights are on the other disk\n" * 9, "is not a graph that runs here"),
    "a JPEG": (jpeg, "is no ONNX file but a JPEG picture"),
    "a web page": (lambda: b"\n<!DOCTYPE html><html></html>", "is no ONNX file but a web page"),
    "a .pt": (lambda: b"PK\x03\x04" + junk(3), "a zip file; a .pt model is one"),
    "an LFS pointer": (lambda: b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    "the first half": (lambda: colour_detector()[: WHOLE // 2], "is not a graph that runs here"),
    "all but the end": (lambda: colour_detector()[: WHOLE - 3], "is not a graph that runs here"),
    "only the start": (lambda: colour_detector()[:20], ""),
    "overwritten": (lambda: flipped(1), ""),
    "overwritten again": (lambda: flipped(2), ""),
    "an unknown operator": (with_unknown_operator, "is not a graph that runs here"),
    "a ring": (in_a_ring, "is not a graph that runs here"),
    "weights elsewhere": (lambda: with_weights_elsewhere("weights.bin"), "is not a graph that runs here"),
    "a file of ours as weights": (lambda: with_weights_elsewhere("/etc/passwd"), "is not a graph that"),
    "a climb to a file of ours": (lambda: with_weights_elsewhere("../../etc/passwd"), "is not a graph that"),
    "a constant of four terabytes": (with_a_giant_constant, "is not a graph that runs here"),
    "a pool that goes backward": (with_a_backward_pool, "is not a graph that runs here"),
    "texts for pictures": (of_whole_numbers, ""),
    "a classifier": (lambda: constant_answers((1, 1000)), "answers with (1, 1000); a detector answers with"),
    "a classifier by its word": (
        lambda: constant_answers((1, 2), props=metadata(task="classify")),
        "is an Ultralytics model for 'classify'",
    ),
    "a segmenter": (
        lambda: constant_answers((1, 38, 84), (1, 32, 16, 16), props=metadata(task="segment")),
        "is an Ultralytics model for 'segment'",
    ),
    "a segmenter without a word": (
        lambda: constant_answers((1, 38, 84), (1, 32, 16, 16), props={}),
        "gives 2 answers",
    ),
    "a pose model": (lambda: constant_answers((1, 57, 84), props=metadata(task="pose")), "for 'pose'"),
    "a pose model without a word": (lambda: constant_answers((1, 57, 84)), "answers with (1, 57, 84)"),
    "a YOLOv5": (lambda: constant_answers((1, 84, 7)), "answers with (1, 84, 7)"),
    "no names": (lambda: constant_answers((1, 6, 84), props={}), "does not name its classes"),
    "names too few": (
        lambda: constant_answers((1, 6, 84), props=metadata(names="{0: 'face'}")),
        "answers with (1, 6, 84); a detector with its classes answers with (1, 5, cells)",
    ),
    "eight pictures at a time": (
        lambda: constant_answers((8, 6, 84), input_shape=(8, 3, 64, 64)),
        "takes 8 pictures at a time; export it with batch=1 or dynamic=True",
    ),
    "two inputs": (lambda: constant_answers((1, 6, 84), inputs=("images", "mask")), "takes 2 inputs"),
    "a giant": (
        lambda: constant_answers((1, 6, 84), input_shape=(1, 3, 200_000, 200_000)),
        "takes pictures of 200000×200000",
    ),
    "raw scores": (lambda: constant_answers((1, 6, 84), value=-4.0), "scores from -4 to -4, not from 0 to 1"),
}


@pytest.mark.parametrize("name", list(BAD))
@pytest.mark.parametrize("kind", [ModelKind.FACES, ModelKind.VEHICLES])
def test_a_wrong_file_is_one_line_that_names_the_setting(tmp_path: Path, name: str, kind: ModelKind) -> None:
    make, complaint = BAD[name]
    path = tmp_path / "best.onnx"
    path.write_bytes(make())
    # The process's own time, which a busy machine does not stretch.
    began = time.process_time()
    with pytest.raises(ConfigurationError, match=rf"^{kind.setting}: .*best\.onnx") as caught:
        load_model(Manifest(()).resolve(str(path), kind), folder=tmp_path, options=DetectorOptions())
    assert time.process_time() - began < LONGEST_S
    assert re.search(re.escape(complaint), caught.value.message), caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400


def test_a_file_that_changes_after_it_was_named_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "best.onnx"
    path.write_bytes(colour_detector())
    spec = Manifest(()).resolve(str(path), ModelKind.FACES)
    path.write_bytes(colour_detector(half=True))
    with pytest.raises(ConfigurationError, match=r"best\.onnx does not have the sha256"):
        load_model(spec, folder=tmp_path, options=DetectorOptions())


def test_weights_in_a_file_beside_are_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime itself would take them from the folder it is run in."""
    model = onnx.load_from_string(colour_detector())
    weights = model.graph.initializer[0]
    (tmp_path / "weights.bin").write_bytes(weights.raw_data)
    (tmp_path / "best.onnx").write_bytes(with_weights_elsewhere("weights.bin"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="keeps its weights in another file"):
        load_model(
            Manifest(()).resolve("best.onnx", ModelKind.FACES), folder=tmp_path, options=DetectorOptions()
        )
