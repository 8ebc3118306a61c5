import contextlib
import mmap
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.imaging.imaging_samples import noise, png_chunk, png_header, quadrants, saved
from veilgate.domain.pictures import PictureFormat, PictureHeader, PictureLimits
from veilgate.domain.rejections import (
    BadDimensions,
    DamagedImage,
    EmptyFile,
    InputRejected,
    NotAnImage,
    TooManyPixels,
    TruncatedImage,
    UnsupportedFormat,
)
from veilgate.imaging.sniff import inspect_picture

LIMITS = PictureLimits()
WHOLE = {
    "jpeg": saved(quadrants(), "JPEG"),
    "progressive": saved(noise((96, 64)), "JPEG", progressive=True),
    "png": saved(quadrants(), "PNG"),
    "webp": saved(quadrants(), "WEBP"),
    "lossless webp": saved(quadrants(), "WEBP", lossless=True),
    "webp with exif": saved(quadrants(), "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
}


def test_no_bytes_are_an_empty_file() -> None:
    with pytest.raises(EmptyFile):
        inspect_picture(b"", LIMITS)


@pytest.mark.parametrize("name", WHOLE)
def test_whole_pictures_tell_their_size(name: str) -> None:
    header = inspect_picture(WHOLE[name], LIMITS)
    assert (header.width, header.height) == (96, 64)
    assert header.format.value in ("jpeg" if name == "progressive" else name)


@pytest.mark.parametrize("name", WHOLE)
def test_every_cut_is_refused(name: str) -> None:
    data = WHOLE[name]
    for length in range(1, len(data) - 1):
        with pytest.raises(InputRejected):
            inspect_picture(data[:length], LIMITS)


@pytest.mark.parametrize("name", WHOLE)
def test_a_cut_in_the_pixels_is_called_truncated(name: str) -> None:
    with pytest.raises(TruncatedImage):
        inspect_picture(WHOLE[name][:-20], LIMITS)


@pytest.mark.parametrize("name", WHOLE)
def test_bytes_after_the_end_are_allowed(name: str) -> None:
    assert inspect_picture(WHOLE[name] + b"PK\3\4 and more", LIMITS).width == 96


def test_maps_and_views_are_read_and_can_be_closed_after(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(WHOLE["png"])
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapping:
        assert inspect_picture(mapping, LIMITS) == PictureHeader(PictureFormat.PNG, 96, 64)
    assert inspect_picture(memoryview(WHOLE["jpeg"]), LIMITS).format is PictureFormat.JPEG


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"II+\0", "BigTIFF"),
        (b"\0\0\1\0", "ICO"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "Video"),
        (b"P6\n640 480\n255\n", "Netpbm"),
        (b"%PDF-1.7", "PDF"),
        (b'<?xml version="1.0"?>\n<svg xmlns="">', "SVG"),
        (b"\n <SVG>", "SVG"),
    ],
)
def test_known_other_formats_are_named(head: bytes, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=name):
        inspect_picture(head + bytes(64), LIMITS)


@pytest.mark.parametrize(
    "data", [b"BMW is a car", b"hello", b"\0", b"RIFF\x24\0\0\0WAVEfmt ", b"<?xml version='1.0'?><html>"]
)
def test_anything_else_is_no_image(data: bytes) -> None:
    with pytest.raises(NotAnImage):
        inspect_picture(data, LIMITS)


@pytest.mark.parametrize(
    ("width", "height", "error"),
    [
        (0, 10, DamagedImage),
        (100_000, 100_000, TooManyPixels),
        (20_001, 1000, BadDimensions),
        (7, 100, BadDimensions),
        (1000, 19, BadDimensions),
    ],
)
def test_sizes_are_refused_before_the_rest_is_read(
    width: int, height: int, error: type[InputRejected]
) -> None:
    with pytest.raises(error):
        inspect_picture(png_header(width, height), LIMITS)


def test_a_png_with_a_wrong_checksum_is_damaged() -> None:
    data = bytearray(WHOLE["png"])
    data[data.index(b"IDAT") + 6] ^= 1
    with pytest.raises(DamagedImage, match="checksum"):
        inspect_picture(bytes(data), LIMITS)


def test_a_png_header_must_be_sane() -> None:
    with pytest.raises(DamagedImage):
        inspect_picture(png_header(96, 64, bit_depth=4, colour_type=2), LIMITS)


def test_a_png_without_pixels_is_damaged() -> None:
    with pytest.raises(DamagedImage, match="no pixels"):
        inspect_picture(png_header(96, 64) + png_chunk(b"IEND", b""), LIMITS)


def test_compressed_texts_are_not_inflated() -> None:
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + b"not even zlib")
    data = WHOLE["png"]
    assert inspect_picture(data[:33] + bomb + data[33:], LIMITS).width == 96


_SIZE = 50_000_000
ENDLESS: dict[str, Callable[[], bytes]] = {
    "fill bytes": lambda: b"\xff\xd8" + b"\xff" * _SIZE,
    "empty jpeg segments": lambda: b"\xff\xd8" + b"\xff\xe0\0\2" * (_SIZE // 4),
    "empty png chunks": lambda: WHOLE["png"][:33] + png_chunk(b"teXt", b"") * (_SIZE // 12),
    "jpeg without end": lambda: WHOLE["jpeg"][:-2] + b"\xff\0" * (_SIZE // 2),
    "one long png chunk": lambda: (
        WHOLE["png"][:33] + png_chunk(b"IDAT", bytes(_SIZE)) + png_chunk(b"IEND", b"")
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_50_mb_of_malice_are_read_in_no_time(name: str) -> None:
    data = ENDLESS[name]()
    began = time.process_time()
    with contextlib.suppress(InputRejected):
        inspect_picture(data, LIMITS)
    # Measured at most 70 ms; reading each byte in Python would take 5 s.
    assert time.process_time() - began < 1.0


@given(st.binary(max_size=200))
def test_random_bytes_never_surprise(data: bytes) -> None:
    _inspect_or_reject(data)


@given(st.sampled_from(sorted(WHOLE)), st.binary(max_size=100))
def test_random_bytes_after_a_true_beginning_never_surprise(name: str, tail: bytes) -> None:
    _inspect_or_reject(WHOLE[name][:12] + tail)


@settings(max_examples=300)
@given(st.sampled_from(sorted(WHOLE)), st.integers(0, 10**6), st.integers(1, 255), st.integers(0, 10**6))
def test_flips_and_cuts_never_surprise(name: str, place: int, flip: int, cut: int) -> None:
    data = bytearray(WHOLE[name])
    data[place % len(data)] ^= flip
    _inspect_or_reject(bytes(data))
    _inspect_or_reject(bytes(data[: cut % len(data)]))


def _inspect_or_reject(data: bytes) -> None:
    with contextlib.suppress(InputRejected):
        assert inspect_picture(data, LIMITS).pixels <= LIMITS.max_pixels


def test_the_gateway_can_use_it_without_a_codec() -> None:
    code = (
        "import veilgate.imaging.sniff, sys; print([m for m in ('numpy', 'cv2', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
