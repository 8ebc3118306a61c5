"""Frames around pictures: the one-coloured borders of scans, films and screens."""

import numpy as np
from numpy.typing import NDArray

# Levels: JPEG leaves a flat border this flat, but for the blocks that touch the picture.
_FLAT_SPREAD, _SAME_COLOUR = 4.0, 8.0
_THICKEST_SHARE = 0.2
# The line in which border and picture were averaged when the view was made, and one that JPEG smeared.
_MIXED_LINES = 2


def without_frame(view: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The part within a one-coloured border, as a window on `view`; all of it where there is none.

    Only what lies on two opposite sides is a frame: an even sky lies above alone.
    """
    top, bottom = _border(view)
    left, right = _border(view.transpose(1, 0, 2))
    height, width = view.shape[:2]
    return view[top : height - bottom, left : width - right]


def _border(view: NDArray[np.uint8]) -> tuple[int, int]:
    """How many lines of border come first, and last."""
    most = int(len(view) * _THICKEST_SHARE)
    first, last = _flat_lines(view[:most]), _flat_lines(view[::-1][:most])
    if not (first and last) or max(first, last) == most == min(first, last):
        return 0, 0
    return min(first + _MIXED_LINES, most), min(last + _MIXED_LINES, most)


def _flat_lines(lines: NDArray[np.uint8]) -> int:
    """How many of the lines, from the first on, are of the first one's colour throughout."""
    if not len(lines) or lines[0].std(axis=0).max() > _FLAT_SPREAD:
        return 0
    means, spreads = lines.mean(axis=1), lines.std(axis=1)
    is_flat = (spreads.max(axis=1) <= _FLAT_SPREAD) & (np.abs(means - means[0]).max(axis=1) <= _SAME_COLOUR)
    return len(lines) if is_flat.all() else int(is_flat.argmin())
