"""GIF, TIFF, BMP, HEIC and AVIF as the gateway reads them: sizes, wholeness, and files made to waste time."""

import struct
import time
from collections.abc import Callable

import pytest
from PIL import Image

from tests.fixtures import odd_tiffs
from tests.fixtures.odd_pictures import bmp, gif, gif_frame, inflating, png, png_chunk
from tests.fixtures.odd_tiffs import tiff
from tests.unit.imaging.imaging_samples import quadrants, saved
from veilgate.domain.pictures import PictureFormat, PictureLimits
from veilgate.domain.rejections import (
    BadDimensions,
    DamagedImage,
    FormatNotEnabled,
    InputRejected,
    TooManyPixels,
    TruncatedImage,
    UnsupportedMode,
)
from veilgate.imaging import formats
from veilgate.imaging.formats import TAKEN
from veilgate.imaging.sniff import inspect_picture

LIMITS = PictureLimits()
COLOURS = quadrants()
WHOLE = {
    "gif": gif((96, 64), (0, 0, 96, 64)),
    "bmp": saved(COLOURS, "BMP"),
    "tiff": saved(COLOURS, "TIFF"),
    "tiff lzw": saved(COLOURS, "TIFF", compression="tiff_lzw"),
    "heic": saved(COLOURS, "HEIF"),
    "avif": saved(COLOURS, "AVIF"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_pictures_tell_their_size(name: str) -> None:
    header = inspect_picture(WHOLE[name], LIMITS)
    assert (header.format.value, header.width, header.height) == (name.split(maxsplit=1)[0], 96, 64)


@pytest.mark.parametrize("name", WHOLE)
def test_every_cut_is_refused(name: str) -> None:
    data = WHOLE[name]
    for length in (*range(1, 1000), *range(1000, len(data) - 1, 37), len(data) - 2):
        if length < len(data) - 1:
            with pytest.raises(InputRejected):
                inspect_picture(data[:length], LIMITS)


@pytest.mark.parametrize("name", WHOLE)
def test_a_cut_in_the_pixels_is_called_truncated(name: str) -> None:
    with pytest.raises(TruncatedImage):
        inspect_picture(WHOLE[name][: len(WHOLE[name]) * 9 // 10], LIMITS)


@pytest.mark.parametrize("name", WHOLE)
def test_bytes_after_the_end_are_allowed(name: str) -> None:
    assert inspect_picture(WHOLE[name] + b"PK\3\4 and more", LIMITS).width == 96


def _tiff(**fields: tuple[int, ...]) -> bytes:
    said = {getattr(odd_tiffs, name.upper()): value for name, value in fields.items()}
    return tiff(96, 64, [bytes(96 * 64)], fields=said)


REFUSED: dict[str, tuple[Callable[[], bytes], type[InputRejected]]] = {
    "gif of no size": (lambda: gif((0, 0), (0, 0, 96, 64)), DamagedImage),
    "gif frame outside": (lambda: gif((96, 64), (1, 0, 96, 64)), DamagedImage),
    "gif frame of no size": (lambda: gif((96, 64), (0, 0, 0, 64)), DamagedImage),
    "gif without frame": (lambda: b"GIF89a" + struct.pack("<HHBBB", 96, 64, 0, 0, 0) + b";", DamagedImage),
    "gif of comments": (lambda: gif((96, 64), (0, 0, 96, 64), before=b"!\xfe\1a\0" * 300), DamagedImage),
    "gif too large": (lambda: gif((65535, 65535), (0, 0, 96, 64)), TooManyPixels),
    "bmp of 2^31 rows": (lambda: bmp(96, -(2**31), b""), TooManyPixels),
    "bmp of no rows": (lambda: bmp(96, 0, b""), DamagedImage),
    "bmp below zero wide": (lambda: bmp(-96, 64, bytes(96 * 64 * 3)), DamagedImage),
    "bmp of run lengths": (lambda: bmp(96, 64, bytes(96 * 64), bits=8, compression=1), UnsupportedMode),
    "bmp of a jpeg": (lambda: bmp(96, 64, bytes(96 * 64), bits=24, compression=4), UnsupportedMode),
    "bmp of odd masks": (
        lambda: bmp(96, 64, bytes(96 * 64 * 4), bits=32, compression=3, table=struct.pack("<3I", 7, 56, 448)),
        UnsupportedMode,
    ),
    "bmp of 7 bits": (lambda: bmp(96, 64, bytes(96 * 64), bits=7), DamagedImage),
    "bmp of too many colours": (lambda: bmp(96, 64, bytes(96 * 64), bits=8, colours=2**31 - 1), DamagedImage),
    "bmp of short rows": (lambda: bmp(96, 64, bytes(96 * 63 * 3)), TruncatedImage),
    "tiff too large": (lambda: tiff(60000, 60000, [b"x"], photometric=0, bits=(1,)), TooManyPixels),
    "tiff of old jpeg": (lambda: _tiff(compression=(6,)), UnsupportedMode),
    "tiff of 12 bits": (lambda: _tiff(bits=(12,)), UnsupportedMode),
    "tiff of floats": (lambda: _tiff(bits=(32,), sample_format=(3,)), UnsupportedMode),
    "tiff of signed numbers": (lambda: _tiff(sample_format=(2,)), UnsupportedMode),
    "tiff in LAB": (lambda: _tiff(photometric=(8,), bits=(8, 8, 8), samples=(3,)), UnsupportedMode),
    "tiff of YCbCr": (lambda: _tiff(photometric=(6,), bits=(8, 8, 8), samples=(3,)), UnsupportedMode),
    "tiff of cmyk planes": (
        lambda: _tiff(photometric=(5,), bits=(8,) * 4, samples=(4,), planar=(2,)),
        UnsupportedMode,
    ),
    "tiff of white-is-zero in 16 bits": (lambda: _tiff(photometric=(0,), bits=(16,)), UnsupportedMode),
    "tiff of unknown compression": (lambda: _tiff(compression=(50000,)), UnsupportedMode),
    "tiff without a palette": (lambda: _tiff(photometric=(3,)), DamagedImage),
    "tiff of short strips": (lambda: _tiff(strip_bytes=(96 * 63,)), TruncatedImage),
    "tiff of two strips for one": (lambda: _tiff(strip_bytes=(9, 9), strip_offsets=(8, 8)), DamagedImage),
    "tiff of nothing": (lambda: b"II*\0\x08\0\0\0\0\0", DamagedImage),
    "tiff of 65535 fields": (lambda: b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 65535), DamagedImage),
    "tiff that is its own directory": (lambda: b"II*\0\0\0\0\0" + bytes(100), DamagedImage),
    "png without a palette": (lambda: png(96, 64, bytes(97 * 64), colour_type=3), DamagedImage),
    "png of a long text": (
        lambda: png(8, 8, bytes(25 * 8), extra=png_chunk(b"zTXt", b"a\0\0" + inflating(200 << 20))),
        DamagedImage,
    ),
    "png of a long international text": (
        lambda: png(8, 8, bytes(25 * 8), extra=png_chunk(b"iTXt", b"a\0\1\0\0\0" + inflating(8 << 20))),
        DamagedImage,
    ),
    "png of a large profile": (
        lambda: png(8, 8, bytes(25 * 8), extra=png_chunk(b"iCCP", b"a\0\0" + inflating(8 << 20))),
        DamagedImage,
    ),
    "png of many texts": (
        lambda: png(8, 8, bytes(25 * 8), extra=png_chunk(b"zTXt", b"a\0\0" + inflating(1 << 20)) * 5),
        DamagedImage,
    ),
    "jpeg of many scans": (lambda: many_scans(200), DamagedImage),
    "heic too large": (
        lambda: WHOLE["heic"].replace(struct.pack(">II", 96, 64), struct.pack(">II", 60000, 60000)),
        TooManyPixels,
    ),
    "avif wider than a webp": (
        lambda: WHOLE["avif"].replace(struct.pack(">II", 96, 64), struct.pack(">II", 16384, 400)),
        BadDimensions,
    ),
    "avif of larger pixels than it says": (
        lambda: _lying(saved(Image.new("RGB", (3000, 2400)), "AVIF"), (3000, 2400)),
        DamagedImage,
    ),
    "avif of another codec": (lambda: WHOLE["avif"].replace(b"av01", b"av02"), UnsupportedMode),
    "heic without a size": (lambda: WHOLE["heic"].replace(b"ispe", b"free"), DamagedImage),
    "heic without places": (lambda: WHOLE["heic"].replace(b"iloc", b"free"), DamagedImage),
}


def _lying(data: bytes, size_wh: tuple[int, int]) -> bytes:
    return data.replace(struct.pack(">II", *size_wh), struct.pack(">II", 96, 64))


def many_scans(count: int) -> bytes:
    data = saved(COLOURS, "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_at_once(name: str) -> None:
    make, error = REFUSED[name]
    data = make()
    began = time.process_time()
    with pytest.raises(error):
        inspect_picture(data, LIMITS)
    assert time.process_time() - began < 0.25


@pytest.mark.parametrize(
    "data",
    [
        gif((96, 64), (0, 0, 96, 64), after=gif_frame((0, 0, 96, 64)) * 50),
        gif((96, 64), (0, 0, 96, 64), after=b",\0 a second frame that is none"),
        tiff(96, 64, [bytes(96 * 64)], next_directory_at=8 + 96 * 64),
        tiff(96, 64, [bytes(96 * 64)], next_directory_at=2**32 - 1),
        many_scans(100),
    ],
    ids=["gif frames", "broken second frame", "loop of pages", "page nowhere", "100 scans"],
)
def test_what_follows_the_first_picture_does_not_count(data: bytes) -> None:
    assert inspect_picture(data, LIMITS).pixels == 96 * 64


def test_comments_between_scans_do_not_hide_them() -> None:
    data = many_scans(0)
    scan = data[data.rindex(b"\xff\xda") : -2]
    hidden = b"\xff\xfe\0\4\xff\xd9" + scan
    with pytest.raises(DamagedImage, match="scans"):
        inspect_picture(data[:-2] + hidden * 200 + data[-2:], LIMITS)


def test_half_a_million_tiny_pieces_are_read_in_no_time() -> None:
    data = gif((96, 64), (0, 0, 96, 64))
    at = data.index(b",") + 11
    began = time.process_time()
    with pytest.raises(DamagedImage):
        inspect_picture(data[:at] + b"\1a" * 500_000 + data[at:], LIMITS)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("name", ["heic", "avif"])
def test_without_the_package_it_is_not_enabled(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "is_installed", lambda _package: False)
    with pytest.raises(FormatNotEnabled, match=r"send JPEG, PNG, WebP, GIF, TIFF or BMP\."):
        inspect_picture(WHOLE[name], LIMITS)


def test_an_avif_may_hide_behind_the_brand_of_its_container() -> None:
    data = WHOLE["avif"].replace(b"ftypavif", b"ftypmif1")
    assert inspect_picture(data, LIMITS).format is PictureFormat.AVIF


def test_a_grid_of_tiles_has_the_size_of_the_whole() -> None:
    data = saved(Image.fromarray(COLOURS).resize((1100, 700)), "HEIF", tile_size=512)
    header = inspect_picture(data, LIMITS)
    assert (header.width, header.height) == (1100, 700)


def test_an_item_in_two_places_is_refused() -> None:
    """A codec might take the other one."""
    data = bytearray(WHOLE["avif"])
    entry_bytes, iloc_at = 14, data.index(b"iloc")
    assert data[iloc_at + 10 : iloc_at + 12] == b"\0\1"
    entry = data[iloc_at + 12 : iloc_at + 12 + entry_bytes]
    data[iloc_at + 11] = 2
    data[iloc_at + 12 : iloc_at + 12] = entry
    for kind in (b"iloc", b"meta"):
        length_at = data.index(kind) - 4
        length = int.from_bytes(data[length_at : length_at + 4], "big")
        data[length_at : length_at + 4] = (length + entry_bytes).to_bytes(4, "big")
    with pytest.raises(DamagedImage, match="twice"):
        inspect_picture(bytes(data), LIMITS)


def test_the_table_names_every_format_once() -> None:
    assert {row.format for row in TAKEN} == set(PictureFormat)
    assert len(TAKEN) == len(PictureFormat)
