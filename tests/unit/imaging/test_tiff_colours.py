"""Every way to store pixels that the table of tiff_structure.py takes, against the colours that went in."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.fixtures import odd_tiffs
from tests.fixtures.odd_pictures import turned
from tests.fixtures.odd_tiffs import tiff
from tests.fixtures.tiff_codecs import COMPRESSIONS
from tests.unit.imaging.imaging_samples import quadrants, saved
from veilgate.domain.pictures import PictureLimits
from veilgate.imaging.decode import decode_picture
from veilgate.imaging.picture import Picture
from veilgate.imaging.sniff import inspect_picture

LIMITS = PictureLimits()
COLOURS = quadrants()
HEIGHT, WIDTH = COLOURS.shape[:2]
GREY = np.array([[0x20, 0x60], [0xA0, 0xFF]], np.uint8).repeat(32, axis=0).repeat(48, axis=1)
ALPHA = np.array([[255, 128], [64, 0]], np.uint8).repeat(32, axis=0).repeat(48, axis=1)
# What a file of few bits can say of GREY.
COARSE = {bits: (GREY >> 8 - bits).astype(np.uint8) for bits in (1, 2, 4, 8)}
Samples = Callable[[str], NDArray[np.uint8] | NDArray[np.uint16]]


def _packed(levels: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    spread = np.unpackbits(levels[..., None], axis=2)[..., 8 - bits :]
    return np.packbits(spread.reshape(HEIGHT, -1), axis=1)


def _wide(planes: NDArray[np.uint8], order: str) -> NDArray[np.uint16]:
    """16 bits, with a lower half that rounding or swapped bytes would show."""
    return (planes.astype(np.uint16) * 256 + 0x11).astype(f"{order}u2")


def _with_extra(planes: NDArray[np.uint8], extra: int) -> NDArray[np.uint8]:
    alpha = ALPHA[..., None]
    if extra == 1:
        planes = (planes.astype(np.uint16) * alpha // 255).astype(np.uint8)
    return np.concatenate([planes, alpha], axis=2)


def _decoded(data: bytes) -> Picture:
    assert inspect_picture(data, LIMITS).pixels == WIDTH * HEIGHT
    return decode_picture(data, LIMITS)


def _strips(samples: NDArray[np.uint8] | NDArray[np.uint16], compression: int) -> list[bytes]:
    compress = COMPRESSIONS[compression]
    return [compress(samples[at : at + 24].tobytes()) for at in range(0, HEIGHT, 24)]


def _file(
    samples: NDArray[np.uint8] | NDArray[np.uint16],
    *,
    bits: tuple[int, ...],
    photometric: int,
    order: str = "<",
    compression: int = 1,
    **fields: tuple[int, ...],
) -> bytes:
    said = {getattr(odd_tiffs, name.upper()): value for name, value in fields.items()}
    return tiff(
        WIDTH,
        HEIGHT,
        _strips(samples, compression),
        order=order,
        photometric=photometric,
        bits=bits,
        compression=compression,
        fields={odd_tiffs.ROWS_PER_STRIP: (24,), **said},
    )


def _assert_pixels(picture: Picture, expected: NDArray[np.uint8], *, within: int = 0) -> None:
    difference = np.abs(picture.pixels.astype(np.int16) - expected)
    assert difference.max() <= within, picture.pixels[::32, ::48].tolist()


STORED = pytest.mark.parametrize(("order", "compression"), list(product("<>", COMPRESSIONS)))


@STORED
@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_grey(order: str, compression: int, photometric: int, bits: int) -> None:
    levels = COARSE[bits]
    most = (1 << bits) - 1
    stored = _packed(levels if photometric else (most - levels).astype(np.uint8), bits)
    data = _file(stored, bits=(bits,), photometric=photometric, order=order, compression=compression)
    _assert_pixels(_decoded(data), (levels.astype(np.uint16) * 255 // most).astype(np.uint8)[..., None])


@STORED
def test_sixteen_bit_grey(order: str, compression: int) -> None:
    data = _file(_wide(GREY, order), bits=(16,), photometric=1, order=order, compression=compression)
    _assert_pixels(_decoded(data), GREY[..., None])


@STORED
@pytest.mark.parametrize("bits", [8, 16])
def test_colours(order: str, compression: int, bits: int) -> None:
    stored = _wide(COLOURS, order) if bits == 16 else COLOURS
    data = _file(stored, bits=(bits,) * 3, photometric=2, order=order, compression=compression)
    _assert_pixels(_decoded(data), COLOURS)


@STORED
@pytest.mark.parametrize("extra", [0, 1, 2])
@pytest.mark.parametrize("bits", [8, 16])
def test_colours_with_a_fourth_sample(order: str, compression: int, bits: int, extra: int) -> None:
    planes = _with_extra(COLOURS, extra)
    stored = _wide(planes, order) if bits == 16 else planes
    data = _file(
        stored,
        bits=(bits,) * 4,
        photometric=2,
        order=order,
        compression=compression,
        extra_samples=(extra,),
    )
    picture = _decoded(data)
    if extra == 0:
        assert picture.alpha is None
    else:
        assert picture.alpha is not None
        assert np.array_equal(picture.alpha, ALPHA)
    seen = (ALPHA > 0) | (extra != 1)
    _assert_pixels(
        picture, np.where(seen[..., None], COLOURS, picture.pixels).astype(np.uint8), within=3 * (extra == 1)
    )


@STORED
@pytest.mark.parametrize("extra", [0, 1, 2])
def test_grey_with_a_second_sample(order: str, compression: int, extra: int) -> None:
    stored = _with_extra(GREY[..., None], extra)
    data = _file(
        stored, bits=(8, 8), photometric=1, order=order, compression=compression, extra_samples=(extra,)
    )
    picture = _decoded(data)
    assert (picture.alpha is None) == (extra == 0)
    seen = (ALPHA > 0) | (extra != 1)
    _assert_pixels(picture, np.where(seen, GREY, 0).astype(np.uint8)[..., None], within=3 * (extra == 1))


@STORED
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes(order: str, compression: int, bits: int) -> None:
    table = np.zeros((3, 1 << bits), np.uint16)
    table[:, :2] = [[0xFFFF, 0], [0x8080, 0x4040], [0, 0xFFFF]]
    index = (GREY > 0x70).astype(np.uint8)
    data = _file(
        _packed(index, bits),
        bits=(bits,),
        photometric=3,
        order=order,
        compression=compression,
        colour_map=tuple(table.reshape(-1).tolist()),
    )
    expected = np.where(index[..., None] == 0, (255, 128, 0), (0, 64, 255)).astype(np.uint8)
    _assert_pixels(_decoded(data), expected)


@STORED
@pytest.mark.parametrize("bits", [8, 16])
def test_cmyk(order: str, compression: int, bits: int) -> None:
    planes = np.concatenate([255 - COLOURS, np.zeros((HEIGHT, WIDTH, 1), np.uint8)], axis=2)
    stored = _wide(planes, order) if bits == 16 else planes
    data = _file(stored, bits=(bits,) * 4, photometric=5, order=order, compression=compression)
    _assert_pixels(_decoded(data), COLOURS)


@STORED
def test_planes_beside_each_other(order: str, compression: int) -> None:
    stored = np.concatenate([COLOURS[..., channel] for channel in range(3)])
    strips = [COMPRESSIONS[compression](stored[at : at + 16].tobytes()) for at in range(0, 3 * HEIGHT, 16)]
    data = tiff(
        WIDTH,
        HEIGHT,
        strips,
        order=order,
        photometric=2,
        bits=(8, 8, 8),
        compression=compression,
        fields={odd_tiffs.PLANAR: (2,), odd_tiffs.ROWS_PER_STRIP: (16,)},
    )
    _assert_pixels(_decoded(data), COLOURS)


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4"])
@pytest.mark.parametrize("is_inverted", [False, True])
def test_faxes(compression: str, is_inverted: bool) -> None:
    image = Image.fromarray(COARSE[1] * 255).convert("1")
    options = {"tiffinfo": {odd_tiffs.PHOTOMETRIC: 0}} if is_inverted else {}
    data = saved(image, "TIFF", compression=compression, **options)
    _assert_pixels(_decoded(data), (COARSE[1] * np.uint8(255))[..., None])


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_within(mode: str) -> None:
    image = Image.fromarray(COLOURS).convert(mode)
    data = saved(image, "TIFF", compression="jpeg", quality=95)
    _assert_pixels(_decoded(data), np.asarray(image.convert("RGB")), within=40)


MODES = ("RGB", "L", "I;16", "1", "P", "CMYK", "RGBA", "LA")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("compression", "mode"), [*product(["raw", "tiff_lzw"], MODES), ("jpeg", "RGB"), ("jpeg", "L")]
)
def test_all_orientations_come_out_upright(orientation: int, compression: str, mode: str) -> None:
    image = Image.fromarray(COLOURS).convert(mode) if mode != "I;16" else Image.fromarray(_wide(GREY, "<"))
    upright = decode_picture(saved(image, "TIFF"), LIMITS).pixels
    tags = {odd_tiffs.ORIENTATION: orientation}
    picture = decode_picture(
        saved(turned(image, orientation), "TIFF", compression=compression, tiffinfo=tags), LIMITS
    )
    assert picture.pixels.shape == upright.shape
    inner = np.s_[8:24, 8:40]
    assert np.abs(picture.pixels[inner].astype(int) - upright[inner]).max() <= 8
