"""Fixed random numbers, and many of them brought to few. Nothing is learned, and no file is needed."""

import numpy as np
from numpy.typing import NDArray


def fixed_normals(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """The same numbers on every machine: the stream of `RandomState` is frozen for good."""
    return np.random.RandomState(seed).standard_normal(shape).astype(np.float32)


class Fold:
    """Adds up `size` numbers to `dimensions` sums, each with a sign drawn once: angles nearly stay."""

    def __init__(self, size: int, dimensions: int, seed: int) -> None:
        drawn = np.random.RandomState(seed)
        self._order = np.argsort(drawn.random_sample(size), kind="stable")
        self._signs = np.where(drawn.random_sample(size) < 0.5, -1, 1).astype(np.float32)
        self._padding = -size % dimensions
        self._dimensions = dimensions

    def fold(self, numbers: NDArray[np.float32]) -> NDArray[np.float32]:
        mixed = np.pad(numbers[self._order] * self._signs, (0, self._padding))
        return np.asarray(mixed.reshape(-1, self._dimensions).sum(axis=0), np.float32)
