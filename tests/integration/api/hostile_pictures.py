"""Files that somebody might send to do harm, and pictures that look like them and are sound."""

import struct
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image, ImageCms

from tests.fixtures import odd_tiffs
from tests.fixtures.odd_pictures import (
    bmp,
    circular_exif,
    exif,
    gif,
    gif_frame,
    inflating,
    png,
    png_chunk,
    turned,
)
from tests.fixtures.odd_tiffs import tiff
from tests.fixtures.tiff_codecs import lzw
from tests.integration.api.samples import GOOD
from tests.unit.imaging.imaging_samples import noise, quadrants, saved

Make = Callable[[], bytes]
ZIP = b"PK\3\4\x14\0\0\0" + b"evil.class" * 10
PAGE = b"<!doctype html><script>alert(document.cookie)</script>"
SIZE_WH = (96, 64)


def _repeated_scans(count: int) -> bytes:
    data = saved(quadrants(), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


@cache
def _png_of_zeros(side: int) -> bytes:
    rows = inflating((side + 1) * side)
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    pixels = png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + pixels


def _png_with(chunk: bytes) -> bytes:
    data = saved(quadrants(), "PNG")
    return data[:33] + chunk + data[33:]


def _png_bomb(kind: bytes, head: bytes) -> bytes:
    return _png_with(png_chunk(kind, head + inflating(200 << 20)))


def _webp_of_size(side: int) -> bytes:
    """The header of a lossless one; what follows would be a few kB for one colour."""
    bits = (side - 1) | (side - 1) << 14
    data = b"\x2f" + bits.to_bytes(4, "little") + bytes(64)
    return (
        b"RIFF"
        + (12 + len(data)).to_bytes(4, "little")
        + b"WEBPVP8L"
        + len(data).to_bytes(4, "little")
        + data
    )


def _tiff(**fields: tuple[int, ...]) -> bytes:
    said = {getattr(odd_tiffs, name.upper()): value for name, value in fields.items()}
    return tiff(*SIZE_WH, [bytes(SIZE_WH[0] * SIZE_WH[1])], fields=said)


def _plain(width: int, height: int) -> bytes:
    return saved(Image.new("RGB", (width, height)), "PNG")


# Refused at the door: name -> (file, status, code). The limit of this gateway is 2 MP.
REFUSED: dict[str, tuple[Make, int, str]] = {
    "5 half jpeg": (lambda: GOOD[: len(GOOD) // 2], 422, "truncated"),
    "6 first bytes of a jpeg": (lambda: GOOD[:20], 422, "truncated"),
    "9 png of 65535 x 65535": (lambda: png(65535, 65535), 422, "too_many_pixels"),
    "10 png of 13000 x 13000": (lambda: _png_of_zeros(13000), 422, "too_many_pixels"),
    "11 png of 20000 x 20000": (lambda: png(20000, 20000, colour_type=6), 422, "too_many_pixels"),
    "12 zTXt of 200 MB": (lambda: _png_bomb(b"zTXt", b"a\0\0"), 422, "damaged"),
    "12 iTXt of 200 MB": (lambda: _png_bomb(b"iTXt", b"a\0\1\0\0\0"), 422, "damaged"),
    "13 iCCP of 200 MB": (lambda: _png_bomb(b"iCCP", b"a\0\0"), 422, "damaged"),
    "14 png without end": (lambda: png(*SIZE_WH, bytes(289 * 64), is_finished=False), 422, "truncated"),
    "17 gif of 0 x 0": (lambda: gif((0, 0), (0, 0, 96, 64)), 422, "damaged"),
    "17 gif frame outside": (lambda: gif(SIZE_WH, (90, 0, 96, 64)), 422, "damaged"),
    "18 webp header only": (lambda: saved(quadrants(), "WEBP")[:30], 422, "truncated"),
    "18 webp of wrong length": (
        lambda: b"RIFF\xff\xff\xff\x7f" + saved(quadrants(), "WEBP")[8:],
        422,
        "truncated",
    ),
    "19 webp of 16383 x 16383": (lambda: _webp_of_size(16383), 422, "too_many_pixels"),
    "20 tiff fax of 60000 x 60000": (
        lambda: tiff(60000, 60000, [bytes(90_000)], photometric=0, bits=(1,), compression=4),
        422,
        "too_many_pixels",
    ),
    "21 tiff of 65535 fields": (
        lambda: b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 65535 + 4),
        422,
        "damaged",
    ),
    "23 tiff of old jpeg": (lambda: _tiff(compression=(6,)), 422, "unsupported_mode"),
    "23 tiff of 12 bits": (lambda: _tiff(bits=(12,)), 422, "unsupported_mode"),
    "23 tiff in LAB": (lambda: _tiff(bits=(8,) * 3, samples=(3,), photometric=(8,)), 422, "unsupported_mode"),
    "23 tiff of floats": (lambda: _tiff(bits=(32,), sample_format=(3,)), 422, "unsupported_mode"),
    "24 bmp of 2^31 rows": (lambda: bmp(96, -(2**31), b""), 422, "too_many_pixels"),
    "25 svg with a script": (
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        415,
        "unsupported_format",
    ),
    "25 svg with an entity": (
        lambda: b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
        415,
        "unsupported_format",
    ),
    "26 postscript": (lambda: saved(quadrants(), "EPS"), 415, "unsupported_format"),
    "26 pdf": (lambda: saved(quadrants(), "PDF"), 415, "unsupported_format"),
    "26 metafile": (lambda: b"\xd7\xcd\xc6\x9a" + bytes(80), 415, "unsupported_format"),
    "26 fits": (lambda: b"SIMPLE  =                    T" + bytes(2880), 415, "unsupported_format"),
    "26 photoshop": (lambda: b"8BPS\0\1" + bytes(80), 415, "unsupported_format"),
    "26 tga": (lambda: saved(quadrants(), "TGA"), 415, "not_an_image"),
    "26 ppm": (lambda: saved(quadrants(), "PPM"), 415, "unsupported_format"),
    "27 avif of zeros": (lambda: _empty_avif(b"\0", keep=0), 422, "damaged"),
    "28 jpeg 2000": (lambda: saved(quadrants(), "JPEG2000"), 415, "unsupported_format"),
    "28 jpeg xl": (lambda: b"\xff\x0a" + bytes(80), 415, "unsupported_format"),
    "35 one pixel": (lambda: _plain(1, 1), 422, "bad_dimensions"),
    "35 1 x 20000": (lambda: _plain(1, 20000), 422, "bad_dimensions"),
    "35 20000 x 1": (lambda: _plain(20000, 1), 422, "bad_dimensions"),
    "37 thousands of scans": (lambda: _repeated_scans(4000), 422, "damaged"),
}


def _short_gif() -> bytes:
    data = saved(Image.fromarray(noise(SIZE_WH)).convert("P"), "GIF")
    first = data.index(b"\x08", data.index(b",")) + 1
    return data[: first + 1 + data[first]] + b"\0;"


def _grey_jpeg() -> bytes:
    data = saved(noise(SIZE_WH), "JPEG")
    scan = data.index(b"\xff\xda")
    return data[: scan + (len(data) - scan) // 2] + b"\xff\xd9"


def _torn_webp() -> bytes:
    data = saved(noise(SIZE_WH), "WEBP", lossless=True)
    return data[:60] + bytes(len(data) - 60)


def _lying_heic() -> bytes:
    data = saved(noise((640, 480)), "HEIF")
    return data.replace(struct.pack(">II", 640, 480), struct.pack(">II", *SIZE_WH))


def _empty_avif(filling: bytes, *, keep: int) -> bytes:
    """Its pixels but the first ones (their size comes first of all) are that byte throughout."""
    data = saved(noise(SIZE_WH), "AVIF")
    emptied_at = data.index(b"mdat") + 4 + keep
    return data[:emptied_at] + filling * (len(data) - emptied_at)


# Whole files that only a decoder can tell from pictures: their jobs fail.
UNDECODABLE: dict[str, Make] = {
    "jpeg of half its pixels": _grey_jpeg,
    "png of half its rows": lambda: png(*SIZE_WH, bytes(289 * 32)),
    "gif of half its codes": _short_gif,
    "tiff of half its codes": lambda: tiff(*SIZE_WH, [lzw(bytes(96 * 32))], compression=5),
    "webp of zeros": _torn_webp,
    "heic of two sizes": _lying_heic,
    "avif of ones": lambda: _empty_avif(b"\xff", keep=16),
}


def _of_many_frames() -> bytes:
    """A GIF whose later frames are 2,000 times the same four colours."""
    return gif(SIZE_WH, (0, 0, *SIZE_WH), after=gif_frame((0, 0, 8, 8)) * 2000)


def _of_many_pages() -> bytes:
    others = [Image.new("RGB", (8, 8))] * 499
    return saved(Image.fromarray(quadrants()), "TIFF", save_all=True, append_images=others)


def _animated_png() -> bytes:
    """The first of its frames is its default picture, and the others change one pixel each."""
    pixel = zlib.compress(bytes(4))

    def control(number: int, width: int, height: int) -> bytes:
        return png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, 0, 0, 1, 1, 0, 0))

    before = png_chunk(b"acTL", struct.pack(">II", 3000, 0)) + control(0, *SIZE_WH)
    after = b"".join(
        control(number, 1, 1) + png_chunk(b"fdAT", struct.pack(">I", number + 1) + pixel)
        for number in range(1, 6000, 2)
    )
    still = _png_with(before)
    return still[:-12] + after + still[-12:]


def _fully_inverted_cmyk() -> bytes:
    return saved(Image.fromarray(quadrants()).convert("CMYK"), "JPEG", quality=95)


def _sixteen_bits() -> bytes:
    rows = (quadrants().astype(np.uint16) * 257).astype(">u2")
    return png(*SIZE_WH, b"".join(b"\0" + row.tobytes() for row in rows), bit_depth=16)


def _wide_gamut() -> bytes:
    """sRGB's own profile with red and green exchanged, and a picture stored to match."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"tmp1", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"tmp1", b"gXYZ", 1)
    return saved(quadrants()[..., [1, 0, 2]], "PNG", icc_profile=swapped)


# Sound pictures, all the same when upright: red and green above, blue and white below, 96 x 64 pixels.
SOUND: dict[str, Make] = {
    "4 png sent as jpeg": lambda: saved(quadrants(), "PNG"),
    "7 jpeg and zip": lambda: saved(quadrants(), "JPEG") + ZIP,
    "8 page in a jpeg's comment": lambda: saved(quadrants(), "JPEG", comment=PAGE),
    "15 png of 3000 frames": _animated_png,
    "22 tiff of 500 pages": _of_many_pages,
    "27 heic": lambda: saved(quadrants(), "HEIF", quality=90),
    "27 avif": lambda: saved(quadrants(), "AVIF", quality=90),
    "29 cmyk": _fully_inverted_cmyk,
    "30 16 bits": _sixteen_bits,
    "30 palette": lambda: saved(Image.fromarray(quadrants()).convert("P"), "PNG"),
    "30 gif": lambda: saved(quadrants(), "GIF"),
    "30 bmp": lambda: saved(quadrants(), "BMP"),
    "30 tiff": lambda: saved(quadrants(), "TIFF", compression="tiff_lzw"),
    "31 broken profile": lambda: saved(quadrants(), "JPEG", icc_profile=b"not a profile" * 50_000),
    "31 other profile": _wide_gamut,
    **{
        f"32 {kind.lower()} held as {way}": lambda kind=kind, way=way: saved(  # type: ignore[misc]
            turned(Image.fromarray(quadrants()), way), kind, exif=exif(way), quality=90
        )
        for kind, way in (("JPEG", 5), ("PNG", 6), ("WEBP", 7), ("TIFF", 8), ("HEIF", 6), ("AVIF", 8))
    },
    "33 orientation 0": lambda: saved(quadrants(), "JPEG", exif=exif(0)),
    "33 orientation 9": lambda: saved(quadrants(), "JPEG", exif=exif(9)),
    "33 orientation abc": lambda: saved(quadrants(), "JPEG", exif=exif(b"abc\0")),
    "33 exif of 63 kB": lambda: saved(quadrants(), "JPEG", exif=b"Exif\0\0" + bytes(64_000)),
    "33 exif in a circle": lambda: saved(quadrants(), "JPEG", exif=circular_exif()),
    "37 progressive": lambda: saved(quadrants(), "JPEG", progressive=True),
}
# Sound as well, in other colours: 2,000 frames must cost nothing.
SOUND_OF_OTHER_COLOURS: dict[str, Make] = {"16 gif of 2000 frames": _of_many_frames}
