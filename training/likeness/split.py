"""Which pictures teach, and which are kept for choices."""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Below SAME_SCENE of the loss, to be sure: nothing that is kept has a near neighbour that teaches.
_APART_BELOW = 0.72
_ONE_IN = 10
_ROWS_AT_ONCE = 512


def kept_for_choices(
    names: Sequence[str], signs: NDArray[np.float32], *, never: tuple[str, ...]
) -> NDArray[np.bool_]:
    """(N,): of the photos that are like no other, one in ten, by a hash of the name; drawn scenes and names
    that begin with one of `never` all teach."""
    alone = _are_alone(signs)
    drawn = [zlib.crc32(name.encode()) % _ONE_IN == 0 for name in names]
    may = [name.endswith(".jpg") and not name.startswith(never) for name in names]
    return np.asarray(alone & np.array(drawn) & np.array(may))


def _are_alone(signs: NDArray[np.float32]) -> NDArray[np.bool_]:
    both = np.concatenate((signs[:, 0], signs[:, 1]))
    alone = np.ones(len(signs), bool)
    for first in range(0, len(signs), _ROWS_AT_ONCE):
        likeness = signs[first : first + _ROWS_AT_ONCE, 0] @ both.T
        rows = np.arange(len(likeness))
        likeness[rows, first + rows] = -1
        likeness[rows, first + rows + len(signs)] = -1
        alone[first : first + _ROWS_AT_ONCE] = likeness.max(axis=1) < _APART_BELOW
    return alone
