"""All patches of a picture in one vector: which patterns there are, and roughly where."""

import numpy as np
from numpy.typing import NDArray

from veilgate.inference.embedders.folding import Fold, fixed_normals
from veilgate.inference.embedders.patches import PATTERN_DIMENSIONS, Patches
from veilgate.inference.embedders.products import summed_products, times

_WORDS = 64
# How exclusively a patch belongs to the word that it is likest.
_SHARPNESS = 40
_PLACES = 3  # anywhere, above rather than below, left rather than right
_WORDS_SEED, _SAMPLE_SEED, _FOLD_SEED = 3, 9, 5
_SAMPLE = 20_000


class PatternPool:
    """Words are random directions among patterns; summed is how patches differ from their words (VLAD)."""

    def __init__(self, dimensions: int) -> None:
        self._words = _of_length_one(fixed_normals((_WORDS, PATTERN_DIMENSIONS), _WORDS_SEED))
        sample = _of_length_one(fixed_normals((_SAMPLE, PATTERN_DIMENSIONS), _SAMPLE_SEED))
        belongs = self._belongs(sample)
        self._expected = summed_products(belongs, sample) / belongs.sum(axis=0)[:, None]
        self._fold = Fold(_WORDS * PATTERN_DIMENSIONS * _PLACES, dimensions, _FOLD_SEED)

    def pool(self, patches: Patches) -> NDArray[np.float32]:
        """Not of length one; zeros where no patch shows anything."""
        belongs = self._belongs(patches.patterns) * patches.weights[:, None]
        swings = np.cos(np.pi * patches.places)
        sums = [self._differences(belongs * place, patches) for place in (1, swings[:, :1], swings[:, 1:])]
        every = np.stack(sums).ravel()
        # Square roots, or a fence would be all that is seen of a house.
        return self._fold.fold(np.sign(every) * np.sqrt(np.abs(every)))

    def _differences(self, belongs: NDArray[np.float32], patches: Patches) -> NDArray[np.float32]:
        expected = self._expected * belongs.sum(axis=0)[:, None]
        return np.asarray(summed_products(belongs, patches.patterns) - expected, np.float32)

    def _belongs(self, patterns: NDArray[np.float32]) -> NDArray[np.float32]:
        """(patches, words): how much each patch is each word's; adds up to one."""
        nearness = times(patterns, self._words.T)
        shares = np.exp(_SHARPNESS * (nearness - nearness.max(axis=1, keepdims=True)))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def _of_length_one(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
