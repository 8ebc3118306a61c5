"""A copy is to be nearer to its picture than to any other: cross-entropy over all that a step sees."""

import torch
from torch import Tensor
from torch.nn import functional

TEMPERATURE = 0.05
# Copies have to win by this much: what is merely nearest is not yet safely linked.
MARGIN = 0.15
# From this likeness of descriptors on, two photos show one scene, a moment later, tilted or mirrored: neither
# is foreign to the other, and neither is a copy.
SAME_SCENE = 0.75


def copies_loss(
    rows: Tensor, partners: Tensor, *, foreign: Tensor, others: Tensor, others_foreign: Tensor
) -> Tensor:
    """`rows` (N, d) of length one; `partners` (N,): which row is a copy of each; `foreign` (N, N): whether
    two rows are of different scenes. `others` (M, d) are rows of earlier steps, `others_foreign` (N, M)."""
    likeness = rows @ rows.T
    copies = likeness.gather(1, partners[:, None]) - MARGIN
    strangers = likeness.masked_fill(~foreign, -torch.inf)
    earlier = (rows @ others.T).masked_fill(~others_foreign, -torch.inf)
    scores = torch.cat((copies, strangers, earlier), 1) / TEMPERATURE
    return functional.cross_entropy(scores, torch.zeros(len(rows), dtype=torch.long, device=rows.device))


def are_foreign(signs: Tensor, other_signs: Tensor) -> Tensor:
    """(N, M): from signs (N, 2, 512) and (M, 2, 512), of each photo and of its mirror image."""
    plain = signs[:, 0] @ other_signs[:, 0].T
    mirrored = signs[:, 0] @ other_signs[:, 1].T
    return torch.maximum(plain, mirrored) < SAME_SCENE
