"""Samples made ready for the network, a batch at a time."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.vehicles.loss import Truth
from training.vehicles.samples import Sample, Samples


@dataclass(frozen=True, slots=True)
class Plan:
    """Which samples a step sees: `size` of them, squares of one of `sides_px`. In the last part of the
    training there are no mosaics, and the sides are those that the network will be used at: until then
    smaller ones teach as much for less."""

    steps: int
    size: int
    seed: int
    sides_px: tuple[int, ...] = (192, 224, 256, 288)
    last_sides_px: tuple[int, ...] = (288, 320, 352)
    last_share: float = 0.2

    def is_late(self, step: int) -> bool:
        return step >= self.steps * (1 - self.last_share)

    def side_px(self, step: int) -> int:
        sides = self.last_sides_px if self.is_late(step) else self.sides_px
        return int(np.random.default_rng((self.seed, 1, step)).choice(sides))


def batches(
    samples: Samples, plan: Plan, *, first_step: int, threads: int, ahead: int
) -> Iterator[tuple[Tensor, Truth]]:
    """From `first_step` on: pictures (N, 3, side, side) as uint8, and their truth. `ahead` batches are made
    while the device works on one; 0 where it is the processor itself that works."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[list[Future[Sample]]] = deque()
        for step in range(first_step, plan.steps + ahead):
            if step < plan.steps:
                waiting.append(_begin(pool, samples, plan, step))
            if waiting and (len(waiting) > ahead or step >= plan.steps):
                yield _gathered([future.result() for future in waiting.popleft()])


def _begin(pool: ThreadPoolExecutor, samples: Samples, plan: Plan, step: int) -> list[Future[Sample]]:
    side_px, mosaics = plan.side_px(step), not plan.is_late(step)
    return [
        pool.submit(samples.sample, number, side_px=side_px, mosaics=mosaics)
        for number in range(step * plan.size, (step + 1) * plan.size)
    ]


def _gathered(samples: list[Sample]) -> tuple[Tensor, Truth]:
    pictures = torch.from_numpy(np.stack([sample.pixels for sample in samples])).permute(0, 3, 1, 2)
    counts = [len(sample.boxes) for sample in samples]
    truth = Truth(
        torch.from_numpy(np.concatenate([sample.boxes for sample in samples])),
        torch.from_numpy(np.concatenate([sample.classes for sample in samples])),
        torch.from_numpy(np.repeat(np.arange(len(samples)), counts)),
        torch.from_numpy(np.stack([sample.known for sample in samples])),
    )
    return pictures, truth
