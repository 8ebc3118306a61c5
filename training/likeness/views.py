"""Copies of whole batches of pictures, on the device that trains: what the search benchmark does, and worse.

Everything is drawn from one generator, so that a training that goes on after a kill sees what it would have.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.likeness.captions import Captions
from training.likeness.jpeg import jpeg_like

_HEAD, _MOST_HEADS = 1.3, 4  # the height of one by its width
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class Severity:
    """How likely each change is, and how far the widest go."""

    cropped: float = 0.7
    smallest_part: float = 0.5  # of each side
    turned: float = 0.4
    furthest_degrees: float = 9.0
    mirrored: float = 0.08
    bordered: float = 0.2
    lit: float = 0.7
    coloured: float = 0.25
    veiled: float = 0.4
    captioned: float = 0.4
    blurred: float = 0.4
    compressed: float = 0.2


HARD = Severity()
# What stands in an index is often the picture as it was, and at most a part of it.
MILD = Severity(
    cropped=0.5,
    smallest_part=0.7,
    turned=0.0,
    mirrored=0.0,
    bordered=0.0,
    lit=0.2,
    coloured=0.0,
    veiled=0.1,
    captioned=0.0,
    blurred=0.2,
    compressed=0.1,
)


class Views:
    """Makes (N, 3, side, side) in 0..1 from packed pictures (N, 3, side, side), uint8."""

    def __init__(self, captions: Captions, *, side_px: int, device: torch.device) -> None:
        self._side_px = side_px
        self._captions = torch.from_numpy(np.stack((captions.rims, captions.inks), 1)).to(device)

    def make(
        self, pictures: Tensor, aspects: Tensor, severity: Severity, generator: torch.Generator
    ) -> Tensor:
        """Each change is made to the pictures that are drawn for it, and costs nothing for the others."""
        draws = Draws(generator, len(pictures))
        grid, inside = _places(aspects, self._side_px, severity, draws)
        views = functional.grid_sample(
            pictures.float().div_(255), grid, padding_mode="border", align_corners=False
        )
        changes: tuple[tuple[float, Callable[[Tensor, Tensor, Draws], Tensor]], ...] = (
            (severity.lit, _lit),
            (severity.coloured, _coloured),
            (severity.veiled, _veiled),
        )
        for share, change in changes:
            _change_some(views, aspects, share, change, generator)
        views = torch.where(inside, views, _border_colours(draws))
        for share, change in (
            (severity.captioned, self._captioned),
            (severity.blurred, _blurred),
            (severity.compressed, _compressed),
        ):
            _change_some(views, aspects, share, change, generator)
        return views.clamp_(0, 1)

    def plain(self, pictures: Tensor) -> Tensor:
        """The pictures as the product will see them."""
        return functional.interpolate(pictures.float() / 255, size=self._side_px, mode="area")

    def _captioned(self, views: Tensor, _aspects: Tensor, draws: "Draws") -> Tensor:
        """Most letters are white in a black rim."""
        which = (draws.uniform(0, 1) * len(self._captions)).long().clamp_max(len(self._captions) - 1)
        rims, inks = (self._captions[which].float() / 255).split(1, 1)
        odd = 1 - draws.chosen(0.6)[:, None]
        dark, light = draws.colours() * odd, 1 - draws.colours() * odd
        views = torch.lerp(views, dark[:, :, None, None], rims)
        return torch.lerp(views, light[:, :, None, None], inks)


class Draws:
    """Random numbers for a batch of `count` pictures, one for each."""

    def __init__(self, generator: torch.Generator, count: int) -> None:
        self._generator = generator
        self._count = count

    def uniform(self, low: float, high: float) -> Tensor:
        numbers = torch.rand(self._count, generator=self._generator, device=self._generator.device)
        return low + (high - low) * numbers

    def chosen(self, share: float) -> Tensor:
        """1 for about this share of the pictures, else 0."""
        return (self.uniform(0, 1) < share).float()

    def colours(self) -> Tensor:
        return torch.stack([self.uniform(0, 1) for _ in range(3)], 1)

    def one(self, low: float, high: float) -> float:
        """One number for all of them."""
        drawn = torch.rand(1, generator=self._generator, device=self._generator.device)
        return low + (high - low) * float(drawn)


def _change_some(
    views: Tensor,
    aspects: Tensor,
    share: float,
    change: Callable[[Tensor, Tensor, Draws], Tensor],
    generator: torch.Generator,
) -> None:
    """In place."""
    rows = Draws(generator, len(views)).chosen(share).nonzero().flatten()
    if len(rows):
        views[rows] = change(views[rows], aspects[rows], Draws(generator, len(rows)))


def _places(aspects: Tensor, side_px: int, severity: Severity, draws: Draws) -> tuple[Tensor, Tensor]:
    """For each point of the view: where it is in the picture, -1..1, and whether it is picture or border."""
    cropped = draws.chosen(severity.cropped)
    parts = [1 - cropped * draws.uniform(0, 1 - severity.smallest_part) for _ in range(2)]
    # Most parts keep the proportions.
    parts[1] = torch.where(draws.chosen(0.6) > 0, parts[0], parts[1])
    middles = [draws.uniform(-1, 1) * (1 - part) for part in parts]
    wide, high = _unbordered(aspects, severity, draws)
    furthest = severity.furthest_degrees
    angle = torch.deg2rad(draws.uniform(-furthest, furthest) * draws.chosen(severity.turned))
    shape = aspects * parts[0] / parts[1]
    none = torch.zeros_like(angle)
    rows = (
        torch.stack((angle.cos() / wide, angle.sin() / shape / high, none), 1),
        torch.stack((-angle.sin() * shape / wide, angle.cos() / high, none), 1),
    )
    size = [len(aspects), 1, side_px, side_px]
    within = functional.affine_grid(torch.stack(rows, 1), size, align_corners=False)
    inside = (within.abs() <= 1).all(-1)[:, None]
    sign = 1 - 2 * draws.chosen(severity.mirrored)
    scale = torch.stack((parts[0] * sign, parts[1]), 1)[:, None, None]
    shift = torch.stack((middles[0] * sign, middles[1]), 1)[:, None, None]
    return within * scale + shift, inside


def _unbordered(aspects: Tensor, severity: Severity, draws: Draws) -> tuple[Tensor, Tensor]:
    """What share of the view's width and of its height is picture, and not border beside or above it."""
    thick = draws.uniform(0.03, 0.14) * draws.chosen(severity.bordered)
    kind = draws.uniform(0, 3)
    has_sides, has_ends = (kind > 1).float(), (kind < 2.7).float()
    across = thick * has_sides * (1 / aspects).clamp_min(1)
    down = thick * has_ends * aspects.clamp_min(1)
    return 1 / (1 + 2 * across), 1 / (1 + 2 * down)


def _border_colours(draws: Draws) -> Tensor:
    """Half are black, a quarter white."""
    kind, colours = draws.uniform(0, 4)[:, None], draws.colours()
    colours = torch.where(kind < 2, 0.0, torch.where(kind < 3, 1.0, colours))
    return colours[:, :, None, None]


def _lit(views: Tensor, _aspects: Tensor, draws: Draws) -> Tensor:
    contrast, shift = draws.uniform(0.6, 1.4), draws.uniform(-0.15, 0.15)
    contrast, shift = contrast.view(-1, 1, 1, 1), shift.view(-1, 1, 1, 1)
    return views.mul(contrast).add_(0.5 - 0.5 * contrast + shift).clamp_(0, 1)


def _coloured(views: Tensor, _aspects: Tensor, draws: Draws) -> Tensor:
    """Less or more colourful, down to grey, and tinted."""
    luma = torch.tensor(_LUMA, device=views.device).view(1, 3, 1, 1)
    grey = (views * luma).sum(1, keepdim=True)
    colourful, tint = draws.uniform(0, 1.4), 1 + (draws.colours() - 0.5) * 0.3
    return torch.lerp(grey, views, colourful.view(-1, 1, 1, 1)) * tint[:, :, None, None]


def _veiled(views: Tensor, aspects: Tensor, draws: Draws) -> Tensor:
    """One to four heads in mosaic, over up to a third of the area; all of these in tiles of one size."""
    side = views.shape[-1]
    tile = int(draws.one(3, 12))
    tiles = functional.avg_pool2d(views, tile, ceil_mode=True, count_include_pad=False)
    tiles = (tiles * 16).floor() / 16 + 1 / 32
    tiles = functional.interpolate(tiles, scale_factor=tile)[..., :side, :side]
    ticks = (torch.arange(side, device=views.device) + 0.5) / side
    count = draws.uniform(1, 5).floor()
    wide = (draws.uniform(0.02, 0.35) / count / math.pi / _HEAD / aspects).sqrt()
    hidden = torch.zeros_like(views[:, 0], dtype=torch.bool)
    for number in range(_MOST_HEADS):
        across = ((ticks - draws.uniform(0, 1)[:, None]) / wide[:, None]).square()
        down = ((ticks - draws.uniform(0, 1)[:, None]) / (wide * aspects * _HEAD)[:, None]).square()
        there = (number < count)[:, None, None]
        hidden |= (across[:, None, :] + down[:, :, None] < 1) & there
    return torch.where(hidden[:, None], tiles, views)


def _blurred(views: Tensor, _aspects: Tensor, draws: Draws) -> Tensor:
    """As a smaller picture made large again; all of these from one size."""
    side = views.shape[-1]
    small = functional.interpolate(views, size=int(side * draws.one(0.35, 0.9)), mode="area")
    return functional.interpolate(small, size=side, mode="bilinear")


def _compressed(views: Tensor, _aspects: Tensor, draws: Draws) -> Tensor:
    return jpeg_like(views, draws.uniform(0.3, 2.5))
