"""The default embedder: no weights, no downloads; made for versions of one picture, good for look-alikes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veilgate.imaging.frames import without_frame
from veilgate.inference.embedders.colour_pool import ColourPool
from veilgate.inference.embedders.patches import patches_of
from veilgate.inference.embedders.pattern_pool import PatternPool

MODEL_ID = "descriptor-v1"
_PATTERN_DIMENSIONS, _COLOUR_DIMENSIONS = 384, 128
_COLOUR_SHARE = 0.3
# The mean weight of patches below which a picture is plain, and told by its colours the more.
_PLAIN_BELOW = 0.05


class Descriptor:
    """The patterns and the colours of a picture, and roughly where they are: see docs/likeness.md."""

    model_id = MODEL_ID
    dimensions = _PATTERN_DIMENSIONS + _COLOUR_DIMENSIONS
    near_duplicate_score = 0.80

    def __init__(self) -> None:
        self._patterns = PatternPool(_PATTERN_DIMENSIONS)
        self._colours = ColourPool(_COLOUR_DIMENSIONS)

    def embed(self, views: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        rows = np.empty((len(views), self.dimensions), np.float32)
        for row, view in zip(rows, views, strict=True):
            row[:] = self._describe(without_frame(view))
        return rows

    def _describe(self, view: NDArray[np.uint8]) -> NDArray[np.float32]:
        patches = patches_of(view)
        told = min(1.0, float(patches.weights.mean()) / _PLAIN_BELOW)
        patterns = _of_length_one(self._patterns.pool(patches)) * told * (1 - _COLOUR_SHARE) ** 0.5
        colours = _of_length_one(self._colours.pool(view)) * _COLOUR_SHARE**0.5
        return _of_length_one(np.concatenate((patterns, colours)))


def _of_length_one(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Zeros stay zeros."""
    length = np.linalg.norm(vector)
    return vector if length == 0 else np.asarray(vector / length, np.float32)
