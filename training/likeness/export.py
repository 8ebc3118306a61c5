"""From a taught network to the file that the product runs."""

import copy
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from training.halves import halve_weights
from training.likeness.network import LikenessNetwork
from veilgate.inference.embedding_spec import IMAGENET_MEAN, IMAGENET_STD

_OPSET = 17


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
    """For any number of pictures of the network's side."""
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
    halve_weights(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, path)
