"""The canvas of a GIF, which its first frame need not fill."""

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image


def alpha_of_canvas(image: Image.Image, alpha: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
    """The alpha of a loaded GIF: what its frame leaves of the canvas is transparent, as browsers show it."""
    assert isinstance(image, GifImagePlugin.GifImageFile)
    frame = image.dispose_extent
    assert frame is not None
    left, top, right, bottom = frame
    if frame == (0, 0, *image.size):
        return alpha
    cleared = np.zeros((image.height, image.width), np.uint8)
    cleared[top:bottom, left:right] = 255 if alpha is None else alpha[top:bottom, left:right]
    return cleared
