"""From a taught network to the file that the product runs."""

import copy
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from training.likeness.network import LikenessNetwork
from veilgate.inference.embedding_spec import IMAGENET_MEAN, IMAGENET_STD

_OPSET = 17
# Smaller ones are levels and shapes: they cost nothing, and some of them have to be exact.
_HALVED_FROM_NUMBERS = 1024


class _AsEmbeddersAre(nn.Module):
    """Takes what every embedder is given whose line of the manifest says nothing else."""

    def __init__(self, network: LikenessNetwork) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        rows: Tensor = self.network(picture * self.std + self.mean)
        return rows


def export(network: LikenessNetwork, path: Path) -> None:
    """Weights in half precision, computed with in full: half the bytes, for vectors that hardly differ."""
    whole = _AsEmbeddersAre(copy.deepcopy(network).cpu().float()).eval()
    side = network.size.side_px
    torch.onnx.export(
        whole,
        (torch.rand(1, 3, side, side),),
        str(path),
        input_names=["picture"],
        output_names=["likeness"],
        dynamic_axes={"picture": {0: "count"}, "likeness": {0: "count"}},
        opset_version=_OPSET,
        dynamo=False,
    )
    model = onnx.load(path)
    _halve_weights(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _halve_weights(graph: onnx.GraphProto) -> None:
    casts = []
    for weights in graph.initializer:
        numbers = numpy_helper.to_array(weights)
        if numbers.dtype != np.float32 or numbers.size < _HALVED_FROM_NUMBERS:
            continue
        name, half = weights.name, f"{weights.name}.half"
        weights.CopyFrom(numpy_helper.from_array(numbers.astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)
