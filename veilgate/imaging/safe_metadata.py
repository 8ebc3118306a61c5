"""What `MetadataPolicy.SAFE` adds to encoded pixels: that they are sRGB, and how large they are printed.

Spliced in front of the pixels of a file that `encode_picture` has just made, which costs no second encode
and cannot change a pixel.
"""

import struct
import zlib
from functools import lru_cache

from PIL import ImageCms

from veilgate.domain.pictures import PictureFormat
from veilgate.imaging.resolution import Dpi

_INCH_M = 0.0254
# A JPEG of ours begins FFD8, then a JFIF segment of 18 bytes with its unit at byte 13; a PNG with its
# signature (8 bytes) and its header chunk (25).
_JFIF_UNIT_AT, _JFIF_END = 13, 20
_JFIF_HEAD = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
_PNG_HEADER_END = 33
_PNG_METRE = 1
_PNG_PERCEPTUAL = b"\x00"


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """An ICC profile of sRGB (588 bytes), the same on every day: its date would tell when a copy was made."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def with_safe_metadata(data: bytes, picture_format: PictureFormat, *, dpi: Dpi | None) -> bytes:
    """A file as `encode_picture` writes it, with what is safe in it.

    WebP comes back as it is: it took its profile while it was written, and knows no resolution.
    """
    match picture_format:
        case PictureFormat.JPEG:
            return _with_jpeg_segments(data, dpi)
        case PictureFormat.PNG:
            return _with_png_chunks(data, dpi)
        case _:
            return data


def _with_jpeg_segments(data: bytes, dpi: Dpi | None) -> bytes:
    assert data.startswith(_JFIF_HEAD)
    head = data[:_JFIF_END]
    if dpi is not None:
        density = struct.pack(">BHH", 1, round(dpi[0]), round(dpi[1]))
        head = head[:_JFIF_UNIT_AT] + density + head[_JFIF_UNIT_AT + len(density) :]
    content = b"ICC_PROFILE\x00\x01\x01" + srgb_profile()
    return head + b"\xff\xe2" + struct.pack(">H", len(content) + 2) + content + data[_JFIF_END:]


def _with_png_chunks(data: bytes, dpi: Dpi | None) -> bytes:
    chunks = _png_chunk(b"sRGB", _PNG_PERCEPTUAL)
    if dpi is not None:
        dots_a_metre = (round(side / _INCH_M) for side in dpi)
        chunks += _png_chunk(b"pHYs", struct.pack(">IIB", *dots_a_metre, _PNG_METRE))
    return data[:_PNG_HEADER_END] + chunks + data[_PNG_HEADER_END:]


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
