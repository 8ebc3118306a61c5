"""Which weights are drawn to zero."""

from typing import Any

from torch import nn


def groups(network: nn.Module, *, weight_decay: float) -> list[dict[str, Any]]:
    """For an optimizer: matrices decay; biases, levels and scales of normalisation do not."""
    matrices = [weights for weights in network.parameters() if weights.ndim > 1]
    others = [weights for weights in network.parameters() if weights.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
