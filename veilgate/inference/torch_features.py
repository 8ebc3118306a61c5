"""Write a network of torchvision, up to where its classifier would begin, as an OpenVINO graph."""

import io
from pathlib import Path
from typing import Any

import torch
import torchvision

from veilgate.inference.torch_checkpoint import RefusedCheckpoint
from veilgate.inference.torch_export import read_unchanged, write_graph

# What a classifier is called: in EfficientNet and its like, in ResNet and its like, in transformers.
_CLASSIFIERS = ("classifier", "fc", "heads", "head")


def export_features(source: Path, sha256: str, folder: Path, *, network: str) -> None:
    """Write graph and note into `folder`, on the disk. Raises `RefusedCheckpoint`."""
    weights = _read_weights(read_unchanged(source, sha256))
    try:
        features = torchvision.models.get_model(network, weights=None)
    except ValueError as error:
        raise RefusedCheckpoint(f"is for a network {network!r}, which torchvision does not have") from error
    try:
        features.load_state_dict(weights)
    except RuntimeError as error:
        raise RefusedCheckpoint(f"does not hold the weights of {network}") from error
    write_graph(_without_classifier(features, network).eval().requires_grad_(False), folder, {})


def _read_weights(content: bytes) -> dict[str, Any]:
    """Tensors by name: a pickle that names anything else is refused, and nothing of it is run."""
    try:
        weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a pickle can raise anything
        raise RefusedCheckpoint("is damaged, or refused: only weights alone are loaded") from error
    if not isinstance(weights, dict) or not all(isinstance(one, torch.Tensor) for one in weights.values()):
        raise RefusedCheckpoint("does not hold weights alone (a state_dict)")
    return weights


def _without_classifier(network: Any, name: str) -> Any:
    for classifier in _CLASSIFIERS:
        if hasattr(network, classifier):
            setattr(network, classifier, torch.nn.Identity())
            return network
    raise RefusedCheckpoint(f"is for {name}, and nobody knows where its classifier begins")
