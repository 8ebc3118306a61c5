"""Telling a PNG whose pixel data stops early, although its chunks are whole: Pillow leaves the rest black."""

import zlib

import numpy as np
from PIL import Image

_SIGNATURE_BYTES = 8
_PIECE_BYTES = 1 << 20
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Adam7: where each pass begins (x, y) and how far apart its pixels are.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def is_png_tail_missing(data: bytes, image: Image.Image) -> bool:
    """Whether the loaded `image` has pixels that its file `data` (which passed `inspect_picture`) lacks.

    Costs nothing unless one of the last two rows is all zeros (an interlaced file may end with either):
    then the data is inflated once more, in pieces, and its bytes are counted.
    """
    width, height = image.size
    last_rows = np.asarray(image.crop((0, height - 2, width, height)))
    if all(row.any() for row in last_rows):
        return False
    return _inflated_bytes(data) < _needed_bytes(data)


def _needed_bytes(data: bytes) -> int:
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    bit_depth, colour_type, _, _, is_interlaced = data[24:29]
    passes = _PASSES if is_interlaced else ((0, 0, 1, 1),)
    total = 0
    for x, y, step_x, step_y in passes:
        columns, rows = -(-(width - x) // step_x), -(-(height - y) // step_y)
        row_bytes = 1 + -(-columns * bit_depth * _CHANNELS[colour_type] // 8)
        total += rows * row_bytes if columns > 0 else 0
    return total


def _inflated_bytes(data: bytes) -> int:
    inflater = zlib.decompressobj()
    total, position = 0, _SIGNATURE_BYTES
    while position < len(data):
        length, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        if kind == b"IEND":
            break
        if kind == b"IDAT":
            total += _count(inflater, data[position + 8 : position + 8 + length])
        position += 12 + length
    return total


def _count(inflater: "zlib._Decompress", compressed: bytes) -> int:
    """How many bytes the next part inflates to, never holding more than a piece of them."""
    total = 0
    while compressed and not inflater.eof:
        total += len(inflater.decompress(compressed, _PIECE_BYTES))
        compressed = inflater.unconsumed_tail
    return total
