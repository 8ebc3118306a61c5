"""The colours of a picture in one vector: which there are, and roughly where."""

import numpy as np
from numpy.typing import NDArray

from veilgate.imaging.resample import resize
from veilgate.inference.embedders.folding import Fold, fixed_normals
from veilgate.inference.embedders.products import summed_products, times

_SIDE = 32
_WAVES = 64
# How finely colours are told apart: waves of so many radians over the range of a channel.
_FINENESS = 3.0
_PLACES = 3  # anywhere, above rather than below, left rather than right
_PLACE_WEIGHT = 0.7
_BRIGHTNESS = np.array((0.299, 0.587, 0.114), np.float32)
# The contrast, as a standard deviation of brightness, below which a picture counts as plain.
_PLAIN = 0.1
_WAVES_SEED, _SHIFTS_SEED, _FOLD_SEED = 21, 22, 8


class ColourPool:
    """Sums of fixed random waves over colour space. Brightness and contrast are taken out as far as there is
    any contrast; in a plain picture its own brightness stays."""

    def __init__(self, dimensions: int) -> None:
        self._waves = fixed_normals((4, _WAVES), _WAVES_SEED) * np.float32(_FINENESS)
        self._shifts = np.random.RandomState(_SHIFTS_SEED).uniform(0, 2 * np.pi, _WAVES).astype(np.float32)
        swing = _PLACE_WEIGHT * np.cos(np.pi * (np.arange(_SIDE) + 0.5) / _SIDE)
        down, across = np.meshgrid(swing, swing, indexing="ij")
        places = np.stack((np.ones(_SIDE * _SIDE), down.ravel(), across.ravel()))
        self._places = (places.T / _SIDE**2).astype(np.float32)
        self._fold = Fold(_WAVES * _PLACES, dimensions, _FOLD_SEED)

    def pool(self, view: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Never all zeros; not of length one."""
        small = resize(np.ascontiguousarray(view), (_SIDE, _SIDE))
        colours = small.reshape(-1, 3).astype(np.float32) / np.float32(255)
        sums = summed_products(self._places, np.cos(times(_evened(colours), self._waves) + self._shifts))
        return self._fold.fold(sums.ravel())


def _evened(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """(points, 4): brightness and two differences of colour, by contrast; and mean brightness if plain."""
    brightness = colours @ _BRIGHTNESS
    mean, spread = brightness.mean(), brightness.std()
    contrast = np.sqrt(spread**2 + np.float32(_PLAIN**2))
    plainness = np.float32(_PLAIN**2) / contrast**2
    return np.stack(
        (
            0.35 * (brightness - mean) / contrast,
            0.44 * (colours[:, 0] - brightness) / contrast,
            0.44 * (colours[:, 2] - brightness) / contrast,
            np.full_like(brightness, mean * plainness),
        ),
        axis=1,
    ).astype(np.float32)
