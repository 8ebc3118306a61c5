"""How wrong the network is: which cells should have answered, and what they should have said.

Cells are chosen by what they answer already (task alignment, as in TOOD): for each box the ten cells
inside it whose class score and overlap are best together. Their class is taught as strongly as they fit, so
that a score tells how good the box is. Boxes are judged by complete IoU.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.vehicles.canvas import MARK_PX
from training.vehicles.network import STRIDES

_CANDIDATES = 10
_SCORE_POWER, _OVERLAP_POWER = 0.5, 6.0
_BOX_WEIGHT, _CLASS_WEIGHT = 7.5, 1.0
# A box smaller than a cell may hold no centre; it is looked for this far around its own.
_LEAST_HALF_PX = 8.0
_NO_FIT = 1e-12


@dataclass(frozen=True, slots=True)
class Truth:
    """Of a batch: every box (M, 4) in pixels with its class (M,) and the number of its picture (M,); known
    classes of each picture as bits (N, marks, marks)."""

    boxes: Tensor
    classes: Tensor
    pictures: Tensor
    known: Tensor


@dataclass(frozen=True, slots=True)
class Losses:
    box: Tensor
    kind: Tensor

    @property
    def whole(self) -> Tensor:
        return _BOX_WEIGHT * self.box + _CLASS_WEIGHT * self.kind


@dataclass(frozen=True, slots=True)
class Cells:
    """Of all scales, one after the other: centres (cells, 2) and strides (cells, 1) in pixels."""

    centres: Tensor
    strides: Tensor


def losses(answers: list[Tensor], truth: Truth) -> Losses:
    cells = _cells(answers)
    flat = torch.cat([answer.float().flatten(2) for answer in answers], dim=2).transpose(1, 2)
    boxes, logits = boxes_of(flat[..., :4], cells), flat[..., 4:]
    with torch.no_grad():
        wanted, owner = _assign(logits.sigmoid(), boxes, cells, truth)
    total = wanted.sum().clamp(min=1)
    weights = _known_at(truth.known, classes=logits.shape[2]) | (wanted > 0)
    kinds = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    strength = wanted.sum(dim=2)
    chosen = strength > 0
    overlap = complete_iou(boxes[chosen], truth.boxes[owner[chosen]])
    return Losses(((1 - overlap) * strength[chosen]).sum() / total, (kinds * weights).sum() / total)


def boxes_of(edges: Tensor, cells: Cells) -> Tensor:
    """Distances in strides to x0, y0, x1, y1 in pixels."""
    distances = edges * cells.strides
    return torch.cat([cells.centres - distances[..., :2], cells.centres + distances[..., 2:]], dim=-1)


def _cells(answers: list[Tensor]) -> Cells:
    centres, strides = [], []
    for answer, stride in zip(answers, STRIDES, strict=True):
        rows, columns = (
            (torch.arange(count, device=answer.device) + 0.5) * stride for count in answer.shape[2:]
        )
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        centres.append(torch.stack([x, y], dim=-1).reshape(-1, 2))
        strides.append(torch.full((len(rows) * len(columns), 1), float(stride), device=answer.device))
    return Cells(torch.cat(centres), torch.cat(strides))


def _known_at(known: Tensor, *, classes: int) -> Tensor:
    """(N, cells, classes): whether a class is known where a cell has its centre."""
    marks = []
    for stride in STRIDES:
        step = stride // MARK_PX
        marks.append(known[:, step // 2 :: step, step // 2 :: step].flatten(1))
    bits = torch.arange(classes, device=known.device)
    return (torch.cat(marks, dim=1)[..., None].int() >> bits & 1).bool()


def _assign(scores: Tensor, boxes: Tensor, cells: Cells, truth: Truth) -> tuple[Tensor, Tensor]:
    """What every cell should score for every class (N, cells, classes), and which box it should draw."""
    batch, count, _ = scores.shape
    wanted, owner = torch.zeros_like(scores), scores.new_zeros((batch, count), dtype=torch.long)
    if len(truth.boxes) == 0:
        return wanted, owner
    inside = _inside(cells.centres, truth.boxes)
    overlap = iou(truth.boxes[:, None], boxes[truth.pictures]) * inside
    theirs = scores[truth.pictures, :, truth.classes]
    fit = theirs**_SCORE_POWER * overlap**_OVERLAP_POWER
    best, positions = fit.topk(_CANDIDATES, dim=1)
    chosen = torch.zeros_like(inside).scatter_(1, positions, best > _NO_FIT)
    # A cell that several boxes want draws the one it fits best.
    claims = overlap * chosen
    every = truth.pictures[:, None].expand(-1, count)
    highest = claims.new_zeros((batch, count)).scatter_reduce_(0, every, claims, "amax")
    chosen &= claims == highest[truth.pictures]
    fit, claims = fit * chosen, claims * chosen
    strength = fit / fit.amax(dim=1, keepdim=True).clamp(min=_NO_FIT) * claims.amax(dim=1, keepdim=True)
    box, cell = chosen.nonzero(as_tuple=True)
    wanted[truth.pictures[box], cell, truth.classes[box]] = strength[box, cell]
    owner[truth.pictures[box], cell] = box
    return wanted, owner


def _inside(centres: Tensor, boxes: Tensor) -> Tensor:
    """(M, cells)"""
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    away = (centres - middle[:, None]).abs()
    return (away < half.clamp(min=_LEAST_HALF_PX)[:, None]).all(dim=-1)


def iou(one: Tensor, other: Tensor) -> Tensor:
    return _iou_and_union(one, other)[0]


def _iou_and_union(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    sides = (torch.min(one[..., 2:], other[..., 2:]) - torch.max(one[..., :2], other[..., :2])).clamp(min=0)
    shared = sides[..., 0] * sides[..., 1]
    areas = [
        (each[..., 2] - each[..., 0]).clamp(min=0) * (each[..., 3] - each[..., 1]).clamp(min=0)
        for each in (one, other)
    ]
    union = areas[0] + areas[1] - shared
    return shared / union.clamp(min=1e-6), union


def complete_iou(boxes: Tensor, targets: Tensor) -> Tensor:
    """IoU, less how far the centres are apart and how much the proportions differ (CIoU)."""
    overlap = iou(boxes, targets)
    around = torch.max(boxes[..., 2:], targets[..., 2:]) - torch.min(boxes[..., :2], targets[..., :2])
    apart = ((boxes[..., :2] + boxes[..., 2:] - targets[..., :2] - targets[..., 2:]) ** 2).sum(dim=-1) / 4
    (width, height), (wide, high) = (
        ((each[..., 2:] - each[..., :2]).clamp(min=1e-3)).unbind(dim=-1) for each in (boxes, targets)
    )
    skew = 4 / math.pi**2 * (torch.atan(wide / high) - torch.atan(width / height)) ** 2
    with torch.no_grad():
        weight = skew / (1 - overlap + skew + 1e-6)
    return overlap - apart / (around**2).sum(dim=-1).clamp(min=1e-6) - weight * skew
