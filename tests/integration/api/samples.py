"""Files to send: good pictures, and files that are none."""

import io
import os
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def picture(kind: str = "JPEG", *, size_wh: tuple[int, int] = (64, 48), seed: int = 0, **save: Any) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)
    spool = io.BytesIO()
    Image.fromarray(pixels).save(spool, kind, **save)
    return spool.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that claims a size, with next to no pixels in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def fresh(like: bytes = b"") -> bytes:
    """A picture that nobody has sent before: decoders ignore what follows the end of a JPEG."""
    return (like or GOOD) + os.urandom(8)


GOOD = picture()
# What is no picture we take, and what the gateway calls it: name -> (bytes, status, code).
BAD_PICTURES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 422, "empty_file"),
    "text": (b"hello, world\n" * 40, 415, "not_an_image"),
    "zeros": (bytes(4096), 415, "not_an_image"),
    "html": (b"<!doctype html><script>alert(1)</script>", 415, "not_an_image"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', 415, "unsupported_format"),
    "ico": (picture("ICO"), 415, "unsupported_format"),
    "jpeg-2000": (picture("JPEG2000"), 415, "unsupported_format"),
    "pdf": (b"%PDF-1.7\n" + bytes(100), 415, "unsupported_format"),
    "half-jpeg": (GOOD[: len(GOOD) // 2], 422, "truncated"),
    "jpeg-head": (GOOD[:20], 422, "truncated"),
    "jpeg-magic": (b"\xff\xd8\xff", 422, "truncated"),
    "half-png": (picture("PNG")[:400], 422, "truncated"),
    "half-webp": (picture("WEBP")[:400], 422, "truncated"),
    "png-bad-checksum": (png_of_size(64, 64)[:-16] + bytes(4) + png_of_size(64, 64)[-12:], 422, "damaged"),
    "png-65535": (png_of_size(65535, 65535), 422, "too_many_pixels"),
    "png-over-limit": (png_of_size(1500, 1400), 422, "too_many_pixels"),
    "png-0x0": (png_of_size(0, 0), 422, "damaged"),
    "one-pixel": (picture(size_wh=(1, 1)), 422, "bad_dimensions"),
    "ribbon": (picture(size_wh=(2000, 8)), 422, "bad_dimensions"),
}
