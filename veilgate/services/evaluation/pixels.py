"""The pixels of a labelled picture, as a worker would see them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.errors import UndecodablePicture
from veilgate.domain.pictures import PictureLimits
from veilgate.imaging.decode import decode_picture


def read_pixels(path: Path, limits: PictureLimits) -> NDArray[np.uint8]:
    """Upright RGB. Raises `UndecodablePicture`, naming the file. In this process: whoever labels pictures
    knows where they are from."""
    try:
        return decode_picture(path.read_bytes(), limits).pixels
    except OSError as error:
        raise UndecodablePicture(f"{path} cannot be read: {error.strerror}") from error
    except UndecodablePicture as error:
        raise UndecodablePicture(f"{path}: {error.message}") from error
