"""A picture as many overlapping patches: how brightness changes within each, and where it is."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from veilgate.imaging.gradients import ORIENTATIONS, gradient_cells, grey_view

# A patch is 4 × 4 cells of 6 pixels, in views of three sizes: a tenth to a fifth of the picture.
_SIZES_PX = (256, 180, 128)
_CELL_PX, _CELLS = 6, 4
# The waves kept of each orientation's 4 × 4 cells: (down, across). What is finer is noise more than shape.
_WAVES = ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1))
# How far each wave swings in photos: dividing by it makes them count alike.
_SWINGS = np.repeat(np.array((0.12, 0.075, 0.085, 0.05, 0.05, 0.06, 0.035, 0.038), np.float32), ORIENTATIONS)
# What the first wave is on average, whatever the orientation.
_LEVEL = np.float32(0.28)
# The change within a patch, in levels, from which it counts half. The grain of a sensor makes about 18.
_FAINT = 70.0

PATTERN_DIMENSIONS = len(_WAVES) * ORIENTATIONS


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """N patches: `patterns` (N, PATTERN_DIMENSIONS) of length one; `weights` (N,), 0 for a patch that shows
    nothing to 1; `places` (N, 2), down and across, 0 to 1."""

    patterns: NDArray[np.float32]
    weights: NDArray[np.float32]
    places: NDArray[np.float32]


def patches_of(view: NDArray[np.uint8]) -> Patches:
    found = [_patches_at(view, size_px) for size_px in _SIZES_PX]
    return Patches(
        np.concatenate([patches.patterns for patches in found]),
        np.concatenate([patches.weights for patches in found]),
        np.concatenate([patches.places for patches in found]),
    )


def _patches_at(view: NDArray[np.uint8], size_px: int) -> Patches:
    cells = gradient_cells(grey_view(view, size_px), _CELL_PX)
    windows = sliding_window_view(cells, (_CELLS, _CELLS), axis=(0, 1))
    rows, columns = windows.shape[:2]
    changes = windows.reshape(rows * columns, ORIENTATIONS, _CELLS * _CELLS)
    strength = np.sqrt((changes * changes).sum(axis=(1, 2)))
    shares = np.sqrt(changes / (changes.sum(axis=(1, 2), keepdims=True) + np.float32(1e-6)))
    waves = (shares @ _WAVE_MATRIX).transpose(0, 2, 1).reshape(rows * columns, PATTERN_DIMENSIONS)
    waves[:, :ORIENTATIONS] -= _LEVEL
    patterns = waves / _SWINGS
    patterns /= np.maximum(np.linalg.norm(patterns, axis=1, keepdims=True), np.float32(1e-6))
    down, across = ((np.arange(count, dtype=np.float32) + 0.5) / count for count in (rows, columns))
    places = np.stack(np.meshgrid(down, across, indexing="ij"), axis=-1).reshape(-1, 2)
    return Patches(patterns, strength**2 / (strength**2 + np.float32(_FAINT**2)), places)


def _wave_matrix() -> NDArray[np.float32]:
    """(cells, waves): each column one wave over the 4 × 4 cells, of length one."""
    steps = (np.arange(_CELLS) + 0.5) * np.pi / _CELLS
    columns = [np.outer(np.cos(down * steps), np.cos(across * steps)).ravel() for down, across in _WAVES]
    return np.asarray(np.stack([column / np.linalg.norm(column) for column in columns], axis=1), np.float32)


_WAVE_MATRIX = _wave_matrix()
