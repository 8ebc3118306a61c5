"""The detector's network: plain convolutions, three scales, no anchors.

Every cell of a scale answers with four distances to the edges of a box, in units of its stride, and with one
logit for each class. Blocks are cross-stage partial: half of the channels pass through small residual
steps, and everything is mixed again, so that most multiplications are 3 × 3 convolutions of few channels,
which is what CPUs do best (depthwise ones wait for memory).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
# Of a class at the start, so that the first steps are not spent on unlearning a thousand false vehicles.
_PRIOR = 0.01


@dataclass(frozen=True, slots=True)
class Size:
    """Channels at strides 2 to 32, residual steps at strides 4 to 32, channels and steps of the pyramid."""

    channels: tuple[int, int, int, int, int]
    steps: tuple[int, int, int, int]
    pyramid_channels: int
    pyramid_steps: int


# `small` is what two CPU cores can train in two hours; `large` is for a GPU, and larger where it costs the
# least time when it is used: at stride 32.
SIZES = {
    "small": Size((16, 32, 64, 128, 256), (1, 2, 2, 1), 64, 1),
    "large": Size((16, 32, 64, 128, 256), (1, 2, 2, 2), 64, 1),
}


class ConvBlock(nn.Sequential):
    """Convolution, batch norm, activation."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(ConvBlock(channels, channels), ConvBlock(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class PartialStage(nn.Module):
    """Half of the channels go through the steps; every step's answer is kept for the mix at the end."""

    def __init__(self, inputs: int, outputs: int, *, steps: int, residual: bool = True) -> None:
        super().__init__()
        half = outputs // 2
        self.enter = ConvBlock(inputs, outputs, kernel=1)
        self.steps = nn.ModuleList(
            Residual(half) if residual else ConvBlock(half, half) for _ in range(steps)
        )
        self.mix = ConvBlock(half * (2 + steps), outputs, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.enter(x).chunk(2, dim=1))
        for step in self.steps:
            parts.append(step(parts[-1]))
        return self.mix(torch.cat(parts, dim=1))


class WiderView(nn.Module):
    """Maxima over ever larger surroundings: at stride 32 a bus fills the picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter = ConvBlock(channels, channels // 2, kernel=1)
        self.mix = ConvBlock(channels * 2, channels, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        views = [self.enter(x)]
        for _ in range(3):
            views.append(functional.max_pool2d(views[-1], 5, stride=1, padding=2))
        return self.mix(torch.cat(views, dim=1))


class Backbone(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        stem, *widths = size.channels
        self.stem = ConvBlock(3, stem, stride=2)
        stages: list[nn.Module] = []
        before = stem
        for width, steps in zip(widths, size.steps, strict=True):
            stages.append(
                nn.Sequential(ConvBlock(before, width, stride=2), PartialStage(width, width, steps=steps))
            )
            before = width
        stages[-1] = nn.Sequential(stages[-1], WiderView(before))
        self.stages = nn.ModuleList(stages)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """The maps at strides 8, 16 and 32."""
        x, maps = self.stem(pictures), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps[1:]


class Pyramid(nn.Module):
    """What the coarse maps know goes down to the fine ones, and what these see goes up again."""

    def __init__(self, inputs: list[int], channels: int, *, steps: int) -> None:
        super().__init__()
        self.level = nn.ModuleList(ConvBlock(width, channels, kernel=1) for width in inputs)
        self.down = nn.ModuleList(
            PartialStage(channels * 2, channels, steps=steps, residual=False) for _ in inputs[1:]
        )
        self.shrink = nn.ModuleList(ConvBlock(channels, channels, stride=2) for _ in inputs[1:])
        self.up = nn.ModuleList(
            PartialStage(channels * 2, channels, steps=steps, residual=False) for _ in inputs[1:]
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        fine, middle, coarse = (level(each) for level, each in zip(self.level, maps, strict=True))
        middle = self.down[0](torch.cat([_doubled(coarse), middle], dim=1))
        fine = self.down[1](torch.cat([_doubled(middle), fine], dim=1))
        middle = self.up[0](torch.cat([self.shrink[0](fine), middle], dim=1))
        coarse = self.up[1](torch.cat([self.shrink[1](middle), coarse], dim=1))
        return [fine, middle, coarse]


class Head(nn.Module):
    """One for each scale. Edges and classes share their one 3 × 3 convolution: at stride 8 a second one would
    cost a tenth of the whole network."""

    def __init__(self, channels: int, classes: int, *, stride: int) -> None:
        super().__init__()
        self.look = ConvBlock(channels, channels)
        self.edges = nn.Conv2d(channels, 4, 1)
        self.kinds = nn.Conv2d(channels, classes, 1)
        nn.init.constant_(self.edges.bias, 2.0)
        # Fine scales have more cells, nearly all of them empty.
        prior = _PRIOR * (stride / STRIDES[-1]) ** 2
        nn.init.constant_(self.kinds.bias, math.log(prior / (1 - prior)))

    def forward(self, x: Tensor) -> Tensor:
        seen = self.look(x)
        return torch.cat([functional.softplus(self.edges(seen)), self.kinds(seen)], dim=1)


class VehicleNetwork(nn.Module):
    def __init__(self, classes: int, size: Size) -> None:
        super().__init__()
        self.backbone = Backbone(size)
        self.pyramid = Pyramid(list(size.channels[2:]), size.pyramid_channels, steps=size.pyramid_steps)
        self.heads = nn.ModuleList(Head(size.pyramid_channels, classes, stride=stride) for stride in STRIDES)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """For each stride (N, 4 + classes, rows, columns): distances to the left, upper, right and lower edge
        in units of the stride, then a logit for each class. `pictures` are RGB from 0 to 1."""
        maps = self.pyramid(self.backbone(pictures))
        return [head(each) for head, each in zip(self.heads, maps, strict=True)]


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")
