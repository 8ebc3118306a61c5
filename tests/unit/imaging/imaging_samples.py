"""Small picture files for the tests of imaging."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

# `saved` writes HEIF as well.
pillow_heif.register_heif_opener()
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quadrants(size_wh: tuple[int, int] = (96, 64)) -> NDArray[np.uint8]:
    """Red and green above, blue and white below."""
    width, height = size_wh
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    pixels[height // 2 :, width // 2 :] = WHITE
    return pixels


def noise(size_wh: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)


def saved(image: Image.Image | NDArray[np.uint8], kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int, *, bit_depth: int = 8, colour_type: int = 2) -> bytes:
    fields = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", fields)


def raw_png(rows: list[bytes], width: int, *, bit_depth: int, colour_type: int, extra: bytes = b"") -> bytes:
    """A PNG of given row bytes, for the kinds Pillow cannot write."""
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    header = png_header(width, len(rows), bit_depth=bit_depth, colour_type=colour_type)
    return header + extra + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
