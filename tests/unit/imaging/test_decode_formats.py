"""GIF, BMP, HEIC and AVIF, and PNG where its decoder needs help: right colours, upright once."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.fixtures.odd_pictures import bmp, circular_exif, exif, gif, inflating, png, png_chunk, turned
from tests.unit.imaging.imaging_samples import BLUE, GREEN, RED, WHITE, noise, quadrants, saved
from veilgate.domain.errors import UndecodablePicture
from veilgate.domain.pictures import PictureFormat, PictureLimits
from veilgate.imaging.decode import decode_picture
from veilgate.imaging.picture import Picture

LIMITS = PictureLimits()
SERVED_AS = {
    "JPEG": PictureFormat.JPEG,
    "PNG": PictureFormat.PNG,
    "WEBP": PictureFormat.WEBP,
    "GIF": PictureFormat.PNG,
    "BMP": PictureFormat.PNG,
    "TIFF": PictureFormat.PNG,
    "HEIF": PictureFormat.JPEG,
    "AVIF": PictureFormat.WEBP,
}


def _decoded(data: bytes) -> Picture:
    return decode_picture(data, LIMITS)


def _assert_upright(picture: Picture, *, within: int = 6) -> None:
    assert (picture.width, picture.height) == (96, 64)
    middles = picture.pixels[16::32, 24::48].reshape(4, 3).astype(int)
    assert np.abs(middles - np.array([RED, GREEN, BLUE, WHITE])).max() <= within, middles.tolist()


@pytest.mark.parametrize("kind", SERVED_AS)
def test_colours_stay_and_copies_have_a_format(kind: str) -> None:
    picture = _decoded(saved(quadrants(), kind))
    _assert_upright(picture)
    assert picture.format is SERVED_AS[kind]
    assert picture.alpha is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_come_out_upright_once(kind: str, orientation: int) -> None:
    stored = turned(Image.fromarray(quadrants()), orientation)
    _assert_upright(_decoded(saved(stored, kind, exif=exif(orientation), quality=90)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "block",
    [
        *(exif(0), exif(9), exif(65535), exif(b"abc\0"), circular_exif()),
        exif(1, extra=noise((150, 140)).tobytes()),
        b"Exif\0\0" + noise((150, 140)).tobytes(),
    ],
    ids=["0", "9", "65535", "abc", "circular", "and 63 kB", "63 kB of junk"],
)
def test_exif_that_makes_no_sense_is_no_exif(kind: str, block: bytes) -> None:
    _assert_upright(_decoded(saved(quadrants(), kind, exif=block)))


def test_the_exif_of_a_heic_does_not_turn_it() -> None:
    plain = saved(quadrants(), "HEIF", exif=exif(1))
    _assert_upright(_decoded(plain.replace(exif(1), exif(6))))


@pytest.mark.parametrize("transparent", [None, 1])
def test_what_a_gif_frame_leaves_of_its_canvas_is_transparent(transparent: int | None) -> None:
    picture = _decoded(gif((96, 64), (48, 32, 48, 32), transparent=transparent))
    assert picture.alpha is not None
    assert not picture.alpha[:32].any()
    assert not picture.alpha[:, :48].any()
    seen = picture.alpha[32:, 48:]
    assert seen[:, :12].all()
    assert seen[:, 12:24].all() == (transparent is None)
    assert picture.pixels[40, [48, 60, 72, 84]].tolist() == [list(c) for c in (RED, GREEN, BLUE, WHITE)]


def test_a_gif_whose_codes_end_too_early_is_refused() -> None:
    data = saved(Image.fromarray(noise((96, 64))).convert("P"), "GIF")
    first = data.index(b"\x08", data.index(b",")) + 1
    with pytest.raises(UndecodablePicture):
        _decoded(data[: first + 1 + data[first]] + b"\0;")


def _table(*colours: tuple[int, int, int], entry_bytes: int = 4) -> bytes:
    return b"".join(bytes(colour[::-1]).ljust(entry_bytes, b"\0") for colour in colours)


TWO_COLOURS = {"black and white": ((0, 0, 0), WHITE), "red and green": (RED, GREEN)}
ROWS_OF_TWO = {1: b"\x55\x55\0\0", 4: b"\1" * 8, 8: b"\0\1" * 8}


@pytest.mark.parametrize("colours", TWO_COLOURS)
@pytest.mark.parametrize("bits", ROWS_OF_TWO)
@pytest.mark.parametrize("said", [0, 2])
def test_bmp_palettes(bits: int, colours: str, said: int) -> None:
    table = _table(*TWO_COLOURS[colours])
    if not said:
        table = table.ljust(4 << bits, b"\0")
    picture = _decoded(bmp(16, 16, ROWS_OF_TWO[bits] * 16, bits=bits, table=table, colours=said))
    assert picture.pixels[3, :4].tolist() == [list(colour) for colour in TWO_COLOURS[colours]] * 2


def test_a_bmp_of_os2() -> None:
    table = _table(RED, GREEN, entry_bytes=3).ljust(48, b"\0")
    picture = _decoded(bmp(16, 16, ROWS_OF_TWO[4] * 16, bits=4, table=table, header_bytes=12))
    assert picture.pixels[3, :2].tolist() == [list(RED), list(GREEN)]


def test_a_bmp_from_the_top_down() -> None:
    rows = b"".join(bytes((row, 0, 0)) * 16 for row in range(16))
    assert _decoded(bmp(16, 16, rows)).pixels[:, 0, 2].tolist() == list(range(15, -1, -1))
    assert _decoded(bmp(16, -16, rows)).pixels[:, 0, 2].tolist() == list(range(16))


@pytest.mark.parametrize("header_bytes", [40, 52, 56, 108, 124])
@pytest.mark.parametrize(
    ("bits", "masks", "pixel", "expected"),
    [
        (16, (0xF800, 0x7E0, 0x1F, 0), b"\x00\xf8", (255, 0, 0)),
        (16, (0x7C00, 0x3E0, 0x1F, 0), b"\x00\x7c", (255, 0, 0)),
        (32, (0xFF0000, 0xFF00, 0xFF, 0), bytes((1, 2, 3, 128)), (3, 2, 1)),
        (32, (0xFF000000, 0xFF0000, 0xFF00, 0), bytes((128, 1, 2, 3)), (3, 2, 1)),
    ],
)
def test_bmp_masks(
    header_bytes: int, bits: int, masks: tuple[int, ...], pixel: bytes, expected: tuple[int, ...]
) -> None:
    words = struct.pack("<4I", *masks)
    behind, within = (words[:12], b"") if header_bytes == 40 else (b"", words)
    data = bmp(
        16, 16, pixel * 256, bits=bits, compression=3, header_bytes=header_bytes, table=behind, masks=within
    )
    picture = _decoded(data)
    assert picture.pixels[5, 5].tolist() == list(expected)
    assert picture.alpha is None


@pytest.mark.parametrize("header_bytes", [56, 108, 124])
def test_a_bmp_with_alpha(header_bytes: int) -> None:
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    picture = _decoded(
        bmp(
            16, 16, bytes((1, 2, 3, 77)) * 256, bits=32, compression=3, header_bytes=header_bytes, masks=masks
        )
    )
    assert picture.pixels[5, 5].tolist() == [3, 2, 1]
    assert picture.alpha is not None
    assert (picture.alpha == 77).all()


def test_plain_bmp_pixels() -> None:
    assert _decoded(bmp(16, 16, b"\x00\x7c" * 256, bits=16)).pixels[0, 0].tolist() == [255, 0, 0]
    picture = _decoded(bmp(16, 16, bytes((1, 2, 3, 9)) * 256, bits=32))
    assert (picture.pixels[0, 0].tolist(), picture.alpha) == ([3, 2, 1], None)


def _key(*levels: int) -> bytes:
    return png_chunk(b"tRNS", struct.pack(f">{len(levels)}H", *levels))


@pytest.mark.parametrize(
    ("row", "bit_depth", "colour_type", "key", "alpha"),
    [
        (b"\x1b" * 4, 2, 0, _key(1), [255, 0, 255, 255]),
        (b"\x05\x5f" * 4, 4, 0, _key(5), [255, 0, 0, 255]),
        (b"\x55\x55", 1, 0, _key(1), [255, 0, 255, 0]),
        (struct.pack(">6H", 0x80FF, 1, 2, 0x1234, 1, 2) * 8, 16, 2, _key(0x80FF, 1, 2), [0, 255, 0, 255]),
        (struct.pack(">4H", 0x80FF, 0x4000, 1, 0xC0AA) * 8, 16, 4, b"", [64, 192, 64, 192]),
    ],
)
def test_transparency_of_any_depth(
    row: bytes, bit_depth: int, colour_type: int, key: bytes, alpha: list[int]
) -> None:
    rows = (b"\0" + row) * 16
    picture = _decoded(png(16, 16, rows, bit_depth=bit_depth, colour_type=colour_type, extra=key))
    assert picture.alpha is not None
    assert picture.alpha[0, :4].tolist() == alpha


def _translucent() -> Image.Image:
    image = Image.fromarray(quadrants())
    image.putalpha(Image.fromarray(np.array([[255, 128], [64, 0]], np.uint8)).resize((96, 64), 0))
    return image


def test_a_heic_with_alpha_lies_on_white() -> None:
    picture = _decoded(saved(_translucent(), "HEIF", quality=95))
    assert picture.alpha is None
    middles = picture.pixels[16::32, 24::48].reshape(4, 3).astype(int)
    assert np.abs(middles - [RED, (127, 255, 127), (191, 191, 255), WHITE]).max() <= 6


def test_an_avif_keeps_its_alpha() -> None:
    picture = _decoded(saved(_translucent(), "AVIF", quality=95))
    assert picture.alpha is not None
    assert np.abs(picture.alpha[16::32, 24::48].astype(int) - [[255, 128], [64, 0]]).max() <= 3


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "HEIF", "AVIF"])
def test_of_several_pictures_the_first_is_taken(kind: str) -> None:
    others = [Image.new("RGB", (96, 64), "black")] * 3
    _assert_upright(_decoded(saved(Image.fromarray(quadrants()), kind, save_all=True, append_images=others)))


def test_an_odd_size_is_not_padded() -> None:
    picture = _decoded(saved(noise((97, 65)), "HEIF"))
    assert (picture.width, picture.height) == (97, 65)


@pytest.mark.parametrize("size_bytes", [1 << 20, 3 << 20])
def test_a_large_broken_profile_is_ignored(size_bytes: int) -> None:
    profile = png_chunk(b"iCCP", b"a\0\0" + inflating(size_bytes))
    _assert_upright(_decoded(_with_chunk(saved(quadrants(), "PNG"), profile)))


def test_a_large_profile_that_is_none_of_colours_is_ignored() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    _assert_upright(_decoded(saved(quadrants(), "TIFF", icc_profile=lab)))


def test_a_text_that_pillow_would_refuse_is_no_reason_to() -> None:
    text = png_chunk(b"zTXt", b"a\0\0" + inflating(3 << 20))
    _assert_upright(_decoded(_with_chunk(saved(quadrants(), "PNG"), text)))


def _with_chunk(data: bytes, chunk: bytes) -> bytes:
    return data[:33] + chunk + data[33:]


def test_a_size_that_the_codec_does_not_agree_with_is_refused() -> None:
    data = saved(noise((640, 480)), "HEIF")
    lying = data.replace(struct.pack(">II", 640, 480), struct.pack(">II", 96, 64))
    assert lying != data
    with pytest.raises(UndecodablePicture):
        _decoded(lying)
