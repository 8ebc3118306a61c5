"""From a checkpoint to the files that the house loads: one in halves of floats, one in whole bytes."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime import quantization
from torch import nn

from training.pictures import PackedPictures
from training.vehicles.labels import CLASSES
from training.vehicles.network import STRIDES
from veilgate.inference.detectors.letterbox import Letterbox

LONGEST_SIDE_PX = 320
_OPSET = 17
# Pictures that the ranges of bytes are taken from.
_CALIBRATED_ON = 300
# Where a byte is too coarse: distances in pixels and the logits of rare classes.
_LEFT_IN_FLOATS = ("edges", "kinds", "Softplus")


def write_onnx(network: nn.Module, path: Path) -> None:
    """Any number of pictures of any size in multiples of 32. Weights are stored as float16 and computed as
    float32, which halves the file and changes no score by more than 0.001."""
    graph = _traced(network)
    _describe(graph)
    onnx.save(_halved(graph), path)


def write_quantised_onnx(network: nn.Module, path: Path, pictures: PackedPictures) -> None:
    """The same in bytes, with ranges from training pictures."""
    graph = _traced(network)
    whole, ready = path.with_suffix(".whole"), path.with_suffix(".ready")
    onnx.save(graph, whole)
    logging.getLogger().setLevel(logging.ERROR)  # it advises what was done a line above
    quantization.quant_pre_process(whole, ready, skip_symbolic_shape=True)
    quantization.quantize_static(
        ready,
        path,
        _Calibration(pictures),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        nodes_to_exclude=_coarse_nodes(onnx.load(ready)),
    )
    quantised = onnx.load(path)
    _describe(quantised)
    onnx.save(quantised, path)
    for left in (whole, ready):
        left.unlink()


def _traced(network: nn.Module) -> onnx.ModelProto:
    names = [f"stride{stride}" for stride in STRIDES]
    moving = {name: {0: "pictures", 2: f"rows_{name}", 3: f"columns_{name}"} for name in ("pictures", *names)}
    written = io.BytesIO()
    torch.onnx.export(
        network.float().cpu().eval(),
        (torch.zeros(1, 3, LONGEST_SIDE_PX, LONGEST_SIDE_PX),),
        written,
        input_names=["pictures"],
        output_names=names,
        dynamic_axes=moving,
        opset_version=_OPSET,
        dynamo=False,
    )
    graph = onnx.load_from_string(written.getvalue())
    onnx.checker.check_model(graph, full_check=True)
    return graph


def _describe(graph: onnx.ModelProto) -> None:
    """What the file says of itself: the names of its classes, and the size that it sees pictures at."""
    del graph.metadata_props[:]
    facts = {"names": json.dumps(CLASSES), "longest_side_px": str(LONGEST_SIDE_PX)}
    onnx.helper.set_model_props(graph, facts)


def _halved(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Weights of more than a few numbers as float16, each made float32 again by a node of its own."""
    weights = list(graph.graph.initializer)
    del graph.graph.initializer[:]
    casts = []
    for weight in weights:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.ndim < 2:
            graph.graph.initializer.append(weight)
            continue
        name = f"{weight.name}.half"
        graph.graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), name))
        casts.append(onnx.helper.make_node("Cast", [name], [weight.name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return graph


def _coarse_nodes(graph: onnx.ModelProto) -> list[str]:
    return [node.name for node in graph.graph.node if any(part in node.name for part in _LEFT_IN_FLOATS)]


class _Calibration(quantization.CalibrationDataReader):
    """Training pictures, evenly from all of them, as the house would show them."""

    def __init__(self, pictures: PackedPictures) -> None:
        positions = np.linspace(0, len(pictures) - 1, min(len(pictures), _CALIBRATED_ON)).astype(int)
        self._batches = self._each(pictures, positions.tolist())

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._batches, None)

    def _each(
        self, pictures: PackedPictures, positions: list[int]
    ) -> Iterator[dict[str, NDArray[np.float32]]]:
        for position in positions:
            pixels = pictures[position]
            box = Letterbox.around(
                (pixels.shape[1], pixels.shape[0]), longest_side_px=LONGEST_SIDE_PX, stride_px=STRIDES[-1]
            )
            yield {"pictures": box.tensor(pixels)}
