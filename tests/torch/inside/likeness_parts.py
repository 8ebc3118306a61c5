"""What the embedder's loss teaches, and what its views are, asked of a few rows and pictures."""

import json
import sys
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tests.torch.inside.likeness_pictures import noisy_pictures
from training.likeness.captions import draw_captions
from training.likeness.jpeg import jpeg_like
from training.likeness.loss import are_foreign, copies_loss
from training.likeness.views import HARD, Views

_PICTURES, _SIDE_PX = 4, 64


def asked_of_the_loss() -> dict[str, float]:
    """Rows 0..3 are pictures, and 4..7 a copy of each."""
    torch.manual_seed(1)
    pictures = functional.normalize(torch.randn(_PICTURES, 16), dim=1)
    copies = functional.normalize(
        pictures + 0.5 * functional.normalize(torch.randn(_PICTURES, 16), dim=1), dim=1
    )
    at = torch.arange(_PICTURES).repeat(2)
    apart = at[:, None] != at[None, :]
    same_scene = apart.clone()
    same_scene[0::_PICTURES, 1::_PICTURES] = False
    return {
        "of_equals": float(_loss(torch.cat((pictures, pictures)), apart)),
        "of_copies": float(_loss(torch.cat((pictures, copies)), apart)),
        "of_strangers": float(_loss(torch.cat((pictures, pictures.flip(0))), apart)),
        "push_of_a_stranger": _push(pictures, apart),
        "push_of_the_same_scene": _push(pictures, same_scene),
    }


def _loss(rows: Tensor, foreign: Tensor) -> Tensor:
    partners = torch.arange(len(rows)).roll(_PICTURES)
    no_others, none_foreign = torch.zeros(0, 16), torch.zeros(len(rows), 0, dtype=torch.bool)
    return copies_loss(rows, partners, foreign=foreign, others=no_others, others_foreign=none_foreign)


def _push(pictures: Tensor, foreign: Tensor) -> float:
    """How much the loss of picture 0 and its copy changes with picture 1, which an earlier step has seen."""
    earlier = pictures[1:2].clone().requires_grad_()
    own = pictures[[0, 0]]
    loss = copies_loss(
        own,
        torch.tensor([1, 0]),
        foreign=torch.zeros(2, 2, dtype=torch.bool),
        others=earlier,
        others_foreign=foreign[0::_PICTURES, 1:2],
    )
    loss.backward()
    assert earlier.grad is not None
    return float(earlier.grad.abs().max())


def asked_of_signs() -> list[list[bool]]:
    """Of a photo, a stranger, the photo's mirror image, and a drawn picture, which has no signs."""
    signs = torch.zeros(4, 2, 512)
    signs[0, 0, 0] = signs[0, 1, 1] = 1
    signs[1, 0, 2] = signs[1, 1, 3] = 1
    signs[2, 0, 1] = signs[2, 1, 0] = 1
    foreign: list[list[bool]] = are_foreign(signs, signs).tolist()
    return foreign


def asked_of_views() -> dict[str, Any]:
    packed = noisy_pictures(24)
    views = Views(draw_captions(8, side_px=_SIDE_PX, seed=1), side_px=_SIDE_PX, device=torch.device("cpu"))
    pictures, aspects = torch.from_numpy(packed.pixels).permute(0, 3, 1, 2), torch.from_numpy(packed.aspects)
    first, again, other = (
        views.make(pictures, aspects, HARD, torch.Generator().manual_seed(seed)) for seed in (7, 7, 8)
    )
    plain = views.plain(pictures)
    changed = (first - plain).abs().mean((1, 2, 3))
    fine = jpeg_like(plain, torch.full((24,), 0.01))
    return {
        "same_seed": float((first - again).abs().max()),
        "other_seed": float((first - other).abs().mean()),
        "least_changed": float(changed.min()),
        "range": [float(first.min()), float(first.max())],
        "finest_jpeg": float((fine - plain).abs().max()),
        "coarse_jpeg": float((jpeg_like(plain, torch.full((24,), 3.0)) - plain).abs().mean()),
    }


sys.stdout.write(
    json.dumps({"loss": asked_of_the_loss(), "foreign": asked_of_signs(), "views": asked_of_views()})
)
