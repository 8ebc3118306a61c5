"""From a checkpoint to the files that the house loads: one in halves of floats, one in whole bytes."""

import io
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime import quantization
from torch import nn

from training.halves import halve_weights
from training.pictures import PackedPictures
from training.vehicles.labels import CLASSES, SOURCES, Labelled
from training.vehicles.network import STRIDES
from veilgate.inference.detectors.pyramid import PyramidGeometry

LONGEST_SIDE_PX = 320
_OPSET = 17
# Pictures of each source that the ranges of bytes are taken from.
_CALIBRATED_ON = 100
# Where a byte is too coarse: distances in pixels and the logits of rare classes.
_LEFT_IN_FLOATS = ("edges", "kinds", "Softplus")


def write_onnx(network: nn.Module, path: Path) -> None:
    """Any number of pictures of any size in multiples of 32. Weights are stored as float16 and computed as
    float32, which halves the file and changes no score by more than 0.001."""
    graph = _traced(network)
    _describe(graph)
    halve_weights(graph.graph)
    onnx.save(graph, path)


def write_quantised_onnx(
    network: nn.Module, path: Path, pictures: PackedPictures, labels: Sequence[Labelled]
) -> None:
    """The same in bytes, with ranges from pictures that are learned from."""
    graph = _traced(network)
    whole, ready = path.with_suffix(".whole"), path.with_suffix(".ready")
    onnx.save(graph, whole)
    logging.getLogger().setLevel(logging.ERROR)  # it advises what was done a line above
    quantization.quant_pre_process(whole, ready, skip_symbolic_shape=True)
    quantization.quantize_static(
        ready,
        path,
        _Calibration(pictures, labels),
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


def _coarse_nodes(graph: onnx.ModelProto) -> list[str]:
    return [node.name for node in graph.graph.node if any(part in node.name for part in _LEFT_IN_FLOATS)]


class _Calibration(quantization.CalibrationDataReader):
    """Of each source as many, as the house would show them."""

    def __init__(self, pictures: PackedPictures, labels: Sequence[Labelled]) -> None:
        positions: list[int] = []
        for source in SOURCES:
            taught = [
                at for at, one in enumerate(labels) if one.source == source and not one.is_for_validation
            ]
            positions += taught[:: max(1, len(taught) // _CALIBRATED_ON)][:_CALIBRATED_ON]
        self._batches = self._each(pictures, positions)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._batches, None)

    def _each(
        self, pictures: PackedPictures, positions: list[int]
    ) -> Iterator[dict[str, NDArray[np.float32]]]:
        for position in positions:
            pixels = pictures[position]
            box = PyramidGeometry(CLASSES, LONGEST_SIDE_PX).letterbox((pixels.shape[1], pixels.shape[0]))
            yield {"pictures": box.tensor(pixels)}
