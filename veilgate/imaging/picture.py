"""A decoded picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.pictures import PictureFormat
from veilgate.imaging.resolution import Dpi


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Upright pixels: (H, W, 3) sRGB, C-contiguous; `alpha` is (H, W) where the source has transparency.

    `format` is that of the copies made from it. `dpi` is the resolution at which the file it came from wants
    to be printed (across, down), if that says so and is sane.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    format: PictureFormat
    dpi: Dpi | None = None

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])
