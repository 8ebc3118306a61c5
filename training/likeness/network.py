"""From a small square picture to 256 numbers: fixed edges and colours, then plain convolutions that learn."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

# Brightness is evened out over thrice so much; a spread below the second, in parts of 255, is grain.
_EVENED_PX, _GRAIN = 8, 0.02
_BRIGHTNESS = (0.299, 0.587, 0.114)
_DIRECTIONS = 8


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """`widths`: channels at an eighth and a sixteenth of the input; `blocks`: pairs of convolutions
    at each."""

    widths: tuple[int, int] = (80, 192)
    blocks: tuple[int, int] = (1, 1)
    dimensions: int = 256
    side_px: int = 128


SMALL = NetworkSize()
# On a GPU there is time for more; 3.9 million weights are 7.8 MB in half precision.
WIDE = NetworkSize(widths=(128, 256), blocks=(3, 2), side_px=160)


class _Convolution(nn.Sequential):
    def __init__(self, incoming: int, outgoing: int, *, stride: int = 1) -> None:
        super().__init__(nn.Conv2d(incoming, outgoing, 3, stride, 1, bias=False), nn.BatchNorm2d(outgoing))


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _Convolution(width, width), _Convolution(width, width)
        nn.init.zeros_(self.second[1].weight)

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(maps + self.second(functional.relu(self.first(maps))))


class Cells(nn.Module):
    """RGB in parts of 255 -> for each cell of 4 × 4 points: its colour, its brightness, and how much that
    rises in each of 8 directions, at two sizes. Contrast is evened out first: a faint passage on a wall is as
    plain to see as a house. Nothing here learns, which spares the costliest part of every backward pass."""

    channels = 3 + 1 + 2 * _DIRECTIONS

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("brightness", torch.tensor(_BRIGHTNESS).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("rises", _rises(), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        grey = (pictures * self.brightness).sum(1, keepdim=True)
        apart = grey - _around(grey)
        even = apart / (_around(apart * apart) + _GRAIN**2).sqrt()
        half = functional.avg_pool2d(even, 2)
        quarter = functional.avg_pool2d(half, 2)
        fine = functional.avg_pool2d(self._risen(half), 2)
        return torch.cat((functional.avg_pool2d(pictures, 4) * 4 - 2, quarter, fine, self._risen(quarter)), 1)

    def _risen(self, even: Tensor) -> Tensor:
        return functional.relu(functional.conv2d(even, self.rises, padding=1))


def _rises() -> Tensor:
    """(8, 1, 3, 3): derivatives in as many directions."""
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
    angles = [number * 2 * math.pi / _DIRECTIONS for number in range(_DIRECTIONS)]
    return torch.stack([math.cos(angle) * across + math.sin(angle) * across.T for angle in angles])[:, None]


def _around(maps: Tensor) -> Tensor:
    """The mean of what lies around each point, about three times `_EVENED_PX` wide."""
    coarse = functional.avg_pool2d(maps, _EVENED_PX)
    coarse = functional.avg_pool2d(coarse, 3, 1, 1, count_include_pad=False)
    return functional.interpolate(coarse, scale_factor=_EVENED_PX, mode="bilinear", align_corners=False)


class Pooled(nn.Module):
    """The generalised mean over everything, and means over quarters (`quarter_px` a side), as one row."""

    def __init__(self, quarter_px: int) -> None:
        super().__init__()
        self.quarter_px = quarter_px

    def forward(self, maps: Tensor) -> Tensor:
        maps = maps.float()
        power = maps.clamp_min(1e-4).pow(3).mean((2, 3)).pow(1 / 3)
        quarters = functional.avg_pool2d(maps, self.quarter_px)
        return torch.cat((power, quarters.flatten(1)), 1)


class LikenessNetwork(nn.Module):
    """(N, 3, side, side) in 0..1 -> (N, dimensions), rows of length one."""

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        incoming = Cells.channels
        for outgoing, blocks in zip(size.widths, size.blocks, strict=True):
            layers += [_Convolution(incoming, outgoing, stride=2), nn.ReLU()]
            layers += [_Residual(outgoing) for _ in range(blocks)]
            incoming = outgoing
        self.size = size
        self.cells = Cells()
        self.trunk = nn.Sequential(*layers)
        self.pooled = Pooled(size.side_px // 32)
        self.head = nn.Linear(incoming * 5, size.dimensions, bias=False)
        self.level = nn.BatchNorm1d(size.dimensions, affine=False)

    def forward(self, pictures: Tensor) -> Tensor:
        with torch.no_grad():
            cells = self.cells(pictures)
        maps = self.trunk(cells.contiguous(memory_format=torch.channels_last))
        rows = self.level(self.head(self.pooled(maps)).float())
        return functional.normalize(rows, dim=1)
