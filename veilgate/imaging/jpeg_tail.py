"""Telling a JPEG whose entropy-coded data stops early, although it has an end-of-image marker.

Both libraries fill what is missing with mid-grey and say nothing. If the last block is that grey, the file
is decoded once more with noise before its end: a whole picture does not read it, a cut one does.
"""

import random
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_END_OF_IMAGE = b"\xff\xd9"
_BLOCK_SIDE = 8
# Without 0xFF, which would be a marker; several kB, so that any missing block reads some of it.
_NOISE = bytes(random.Random(1).choices(range(255), k=4096))  # noqa: S311 - a fixed pattern, no secret


def is_jpeg_tail_missing(
    data: bytes, raw_pixels: NDArray[np.uint8], decode_raw: Callable[[bytes], NDArray[np.uint8]]
) -> bool:
    """Whether `raw_pixels`, as `decode_raw` read them from `data` (not turned), end before their file does.

    Costs nothing unless the last block is mid-grey. A file with restart markers can pass when it was cut
    at one of them.
    """
    last_block = raw_pixels[-_BLOCK_SIDE:, -_BLOCK_SIDE:]
    # Inverted channels (CMYK by Adobe) show 128 as 127.
    if last_block.min() < 127 or last_block.max() > 128:
        return False
    end = data.rfind(_END_OF_IMAGE)
    padded = data[:end] + _NOISE + data[end:]
    return not np.array_equal(decode_raw(padded), raw_pixels)
