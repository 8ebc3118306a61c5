"""A moving average of a network's weights, which is better than any of them."""

import copy

import torch
from torch import nn


class Average:
    """Follows a network: slowly in the long run, faster in the beginning, when the past is of no use."""

    def __init__(self, network: nn.Module, *, decay: float = 0.9995) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def follow(self, network: nn.Module, *, step: int) -> None:
        """`step` counts from 0."""
        decay = min(self._decay, (step + 1) / (step + 20))
        theirs = network.state_dict()
        for name, mine in self.network.state_dict().items():
            if mine.dtype.is_floating_point:
                mine.lerp_(theirs[name].detach(), 1 - decay)
            else:
                mine.copy_(theirs[name])
