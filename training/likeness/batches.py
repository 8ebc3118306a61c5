"""What each step learns from: two views of every picture."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from training.likeness.packed import PackedPictures
from training.likeness.rounds import Positions, Rounds
from training.likeness.views import HARD, MILD, Views

# What is worked on stays in the processor's caches.
_MADE_AT_ONCE = 32


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """`views` (2 N, 3, side, side): of each of N pictures one as it lies in an index, then, in the same
    order, a copy of each. `at` (2 N,): the positions of the pictures."""

    views: Tensor
    at: Tensor


class Batches:
    """Views take as long as learning from them: those of the next step are made meanwhile, by a thread."""

    def __init__(
        self, pictures: PackedPictures, rounds: Rounds, views: Views, *, seed: int, device: torch.device
    ) -> None:
        self._pictures = pictures
        self._rounds = rounds
        self._views = views
        self._seed = seed
        self._device = device
        self._thread = ThreadPoolExecutor(1)
        self._coming: dict[int, Future[Batch]] = {}

    def take(self, step: int) -> Batch:
        coming = self._coming.pop(step, None) or self._thread.submit(self._make, step)
        self._coming = {step + 1: self._thread.submit(self._make, step + 1)}
        return coming.result()

    def hard(self, at: Positions) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures as the product sees them, and a hard copy of each; always the same, some at a time."""
        generator = torch.Generator(self._device).manual_seed(self._seed)
        for first in range(0, len(at), _MADE_AT_ONCE):
            pictures, aspects = self._read(at[first : first + _MADE_AT_ONCE])
            yield self._views.plain(pictures), self._views.make(pictures, aspects, HARD, generator)

    def _make(self, step: int) -> Batch:
        chosen = self._rounds.pictures(step)
        generator = torch.Generator(self._device).manual_seed(self._seed * 1_000_003 + step)
        views = torch.cat(list(self._both(chosen, generator)))
        return Batch(views, torch.from_numpy(chosen).to(self._device).repeat(2))

    def _both(self, chosen: Positions, generator: torch.Generator) -> Iterator[Tensor]:
        """A third of what lies in the index was made hard, too."""
        for copies in (False, True):
            for number, first in enumerate(range(0, len(chosen), _MADE_AT_ONCE)):
                pictures, aspects = self._read(chosen[first : first + _MADE_AT_ONCE])
                severity = HARD if copies or number % 3 == 2 else MILD
                yield self._views.make(pictures, aspects, severity, generator)

    def _read(self, chosen: Positions) -> tuple[Tensor, Tensor]:
        pixels = torch.from_numpy(self._pictures.pixels[chosen]).to(self._device)
        return pixels.permute(0, 3, 1, 2), torch.from_numpy(self._pictures.aspects[chosen]).to(self._device)
