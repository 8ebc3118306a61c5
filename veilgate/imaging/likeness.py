"""The small view of a picture that every embedder looks at."""

import numpy as np
from numpy.typing import NDArray

from veilgate.imaging.colours import on_white
from veilgate.imaging.resample import resize

# Twice what the models look at, and a hundredth of a photo: it is kept while the photo is stored.
LONGEST_SIDE_PX = 512


def likeness_view(
    pixels: NDArray[np.uint8],
    *,
    alpha: NDArray[np.uint8] | None = None,
    longest_side_px: int = LONGEST_SIDE_PX,
) -> NDArray[np.uint8]:
    """An RGB copy (H, W, 3) whose longer side is at most `longest_side_px`: averaged over areas, never
    enlarged, what is transparent on white. It shares no memory with `pixels`."""
    opaque = pixels if alpha is None else on_white(pixels, alpha)
    height, width = opaque.shape[:2]
    scale = min(1.0, longest_side_px / max(width, height))
    view = resize(opaque, (max(1, round(width * scale)), max(1, round(height * scale))))
    return view.copy() if view is pixels else view
