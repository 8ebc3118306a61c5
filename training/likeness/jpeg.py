"""What JPEG leaves of pictures, for whole batches on any device: blocks of 8 × 8, rounded in waves."""

import math

import torch
from torch import Tensor
from torch.nn import functional

_BLOCK = 8
# Rounding steps by how fast a wave is, about as the standard's table at quality 50, in parts of 255.
_FIRST_STEP, _STEP_A_WAVE = 14.0, 8.0


def jpeg_like(pictures: Tensor, coarseness: Tensor) -> Tensor:
    """(N, 3, side, side) in 0..1, side a multiple of 8. `coarseness` (N,) multiplies the steps: 1 is about
    quality 50, 2 about 25."""
    waves = _waves(pictures.device)
    there = torch.kron(waves, waves)
    blocks = functional.pixel_unshuffle(pictures.reshape(-1, 1, *pictures.shape[2:]), _BLOCK)
    spectrum = functional.conv2d(blocks, there[:, :, None, None])
    steps = _steps(pictures.device) * coarseness.repeat_interleave(pictures.shape[1]).view(-1, 1, 1, 1)
    rounded = spectrum.div_(steps).round_().mul_(steps)
    back = functional.conv2d(rounded, there.T[:, :, None, None])
    return functional.pixel_shuffle(back, _BLOCK).reshape(pictures.shape)


def _waves(device: torch.device) -> Tensor:
    """(8, 8): the orthonormal cosine waves, slowest first."""
    points = (torch.arange(_BLOCK, device=device) + 0.5) * math.pi / _BLOCK
    waves = torch.cos(torch.arange(_BLOCK, device=device)[:, None] * points[None, :])
    waves[0] /= math.sqrt(2)
    return waves * math.sqrt(2 / _BLOCK)


def _steps(device: torch.device) -> Tensor:
    fast = torch.arange(_BLOCK, device=device, dtype=torch.float32)
    levels = _FIRST_STEP + _STEP_A_WAVE * (fast[:, None] + fast[None, :])
    return levels.view(1, _BLOCK * _BLOCK, 1, 1) / 255
