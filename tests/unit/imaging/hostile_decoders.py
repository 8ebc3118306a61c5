"""What a decoder fed with a hostile file may do; run in real decode children by the tests of the pool."""

import json
import os
import time
from pathlib import Path

import numpy as np

from veilgate.domain.pictures import PictureFormat, PictureLimits
from veilgate.domain.rejections import TooManyPixels
from veilgate.imaging.decode import decode_picture
from veilgate.imaging.picture import Picture


def decode_as_told(data: bytes, limits: PictureLimits) -> Picture:
    """Misbehave as the data says; decode what is no order. `hang PATH` writes its process id there first."""
    order, _, argument = data.partition(b" ")
    match order:
        case b"hang":
            _write_pid(argument)
            while True:
                time.sleep(60)
        case b"exit":
            os._exit(3)
        case b"allocate":
            np.ones(int(argument), np.uint8)
        case b"reject":
            raise TooManyPixels("So many pixels.")
        case b"transparent":
            pixels = np.full((2, 3, 3), 7, np.uint8)
            return Picture(pixels, np.full((2, 3), 9, np.uint8), PictureFormat.PNG)
        case b"pid":
            pixels = np.frombuffer(os.getpid().to_bytes(3, "big"), np.uint8).reshape(1, 1, 3)
            return Picture(pixels, None, PictureFormat.PNG)
        case b"lie":
            pixels = np.zeros((1, 1, 3), np.uint8)
            return Picture(pixels, None, PictureFormat.PNG, dpi=json.loads(argument))
        case b"bug":
            raise UnicodeError("not foreseen")
    return decode_picture(data, limits)


def _write_pid(path: bytes) -> None:
    target = Path(os.fsdecode(path))
    partial = target.with_suffix(".partial")
    partial.write_text(str(os.getpid()))
    partial.replace(target)
