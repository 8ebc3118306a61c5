import io
import random
import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from tests.fixtures.odd_pictures import turned
from tests.unit.imaging.imaging_samples import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    noise,
    png_chunk,
    quadrants,
    raw_png,
    saved,
)
from veilgate.domain.errors import UndecodablePicture
from veilgate.domain.pictures import PictureFormat, PictureLimits
from veilgate.imaging.decode import decode_picture
from veilgate.imaging.picture import Picture

LIMITS = PictureLimits()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _decoded(data: bytes) -> Picture:
    picture = decode_picture(data, LIMITS)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous
    assert picture.pixels.shape == (picture.height, picture.width, 3)
    if picture.alpha is not None:
        assert picture.alpha.shape == (picture.height, picture.width)
    return picture


def _corners(picture: Picture) -> list[tuple[int, ...]]:
    """The colours in the middle of the quadrants, in reading order."""
    x, y = picture.width // 4, picture.height // 4
    return [tuple(picture.pixels[b, a].tolist()) for b in (y, 3 * y) for a in (x, 3 * x)]


def _assert_colours(picture: Picture, expected: Sequence[tuple[int, ...]], *, within: int = 3) -> None:
    difference = np.abs(np.array(_corners(picture)) - np.array(expected))
    assert difference.max() <= within, _corners(picture)


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def _wide_gamut_profile() -> bytes:
    """sRGB's own profile with its red and green columns exchanged: unmistakable colours."""
    return SRGB.replace(b"rXYZ", b"tmp1", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"tmp1", b"gXYZ", 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_plain_pictures_keep_their_colours(kind: str) -> None:
    picture = _decoded(saved(quadrants(), kind))
    _assert_colours(picture, [RED, GREEN, BLUE, WHITE], within=6)
    assert picture.format is PictureFormat(kind.lower())
    assert picture.alpha is None


@pytest.mark.parametrize("profile", [None, _wide_gamut_profile()], ids=["opencv", "pillow"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_come_out_upright(orientation: int, profile: bytes | None) -> None:
    image = turned(Image.fromarray(quadrants()), orientation)
    options = {} if profile is None else {"icc_profile": profile}
    picture = _decoded(saved(image, "JPEG", exif=_exif(orientation), quality=95, **options))
    assert (picture.width, picture.height) == (96, 64)
    expected = [RED, GREEN, BLUE, WHITE] if profile is None else [GREEN, RED, BLUE, WHITE]
    _assert_colours(picture, expected, within=6)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_unknown_orientation_is_upright(orientation: int) -> None:
    picture = _decoded(saved(quadrants(), "JPEG", exif=_exif(orientation)))
    _assert_colours(picture, [RED, GREEN, BLUE, WHITE], within=6)


def test_broken_exif_is_ignored() -> None:
    picture = _decoded(saved(quadrants(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + bytes(20)))
    _assert_colours(picture, [RED, GREEN, BLUE, WHITE], within=6)


def test_orientation_counts_for_png_and_its_alpha_too() -> None:
    alpha = np.zeros((64, 96, 1), np.uint8)
    alpha[:32] = 255
    planes = np.concatenate([quadrants(), alpha], axis=2)
    picture = _decoded(saved(planes, "PNG", exif=_exif(3)))
    _assert_colours(picture, [WHITE, BLUE, GREEN, RED])
    assert picture.alpha is not None
    assert (picture.alpha[32:] == 255).all()
    assert not picture.alpha[:32].any()


def test_grey_and_one_bit() -> None:
    grey = Image.fromarray(quadrants()).convert("L")
    levels = [(76,) * 3, (150,) * 3, (29,) * 3, WHITE]
    for kind in ("JPEG", "PNG"):
        _assert_colours(_decoded(saved(grey, kind)), levels)
    _assert_colours(_decoded(saved(grey.point(lambda v: 255 * (v > 100), "1"), "PNG")), [(0,) * 3, WHITE] * 2)


def test_cmyk_and_its_inverted_kind() -> None:
    cmyk = Image.fromarray(quadrants()).convert("CMYK")
    _assert_colours(_decoded(saved(cmyk, "JPEG", quality=95)), [RED, GREEN, BLUE, WHITE], within=8)


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 96).astype(np.uint16)[None, :].repeat(64, axis=0)
    picture = _decoded(saved(Image.fromarray(ramp), "PNG"))
    assert np.array_equal(picture.pixels[0, :, 0], ramp[0] >> 8)


def test_sixteen_bit_colour_is_scaled() -> None:
    row = struct.pack(">HHH", 0x80FF, 0x4000, 0xFFFF) * 16
    picture = _decoded(raw_png([row] * 16, 16, bit_depth=16, colour_type=2))
    assert picture.pixels[3, 3].tolist() == [0x80, 0x40, 0xFF]


def test_sixteen_bit_grey_with_a_transparent_level() -> None:
    row = struct.pack(">HH", 0x8001, 0x8002) * 8
    key = png_chunk(b"tRNS", struct.pack(">H", 0x8001))
    picture = _decoded(raw_png([row] * 16, 16, bit_depth=16, colour_type=0, extra=key))
    assert picture.alpha is not None
    assert picture.alpha[0, :2].tolist() == [0, 255]
    assert picture.pixels[0, 0].tolist() == [0x80] * 3


def test_palette_with_transparency() -> None:
    paletted = Image.fromarray(quadrants()).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    opaque = _decoded(saved(paletted, "PNG"))
    _assert_colours(opaque, [RED, GREEN, BLUE, WHITE])
    assert opaque.alpha is None
    red = paletted.getpixel((0, 0))
    picture = _decoded(saved(paletted, "PNG", transparency=red))
    _assert_colours(picture, [RED, GREEN, BLUE, WHITE])
    assert picture.alpha is not None
    assert picture.alpha[0, 0] == 0
    assert picture.alpha[-1, -1] == 255


def test_grey_with_alpha() -> None:
    planes = np.zeros((64, 96, 2), np.uint8)
    planes[..., 0], planes[..., 1] = 90, 200
    picture = _decoded(saved(Image.fromarray(planes, "LA"), "PNG"))
    assert picture.alpha is not None
    assert picture.pixels[1, 1].tolist() == [90] * 3
    assert picture.alpha[1, 1] == 200


def test_webp_with_alpha() -> None:
    planes = np.concatenate([quadrants(), np.full((64, 96, 1), 77, np.uint8)], axis=2)
    picture = _decoded(saved(planes, "WEBP", lossless=True))
    _assert_colours(picture, [RED, GREEN, BLUE, WHITE], within=0)
    assert picture.alpha is not None
    assert (picture.alpha == 77).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_embedded_profile_is_applied(kind: str) -> None:
    picture = _decoded(saved(quadrants(), kind, icc_profile=_wide_gamut_profile()))
    _assert_colours(picture, [GREEN, RED, BLUE, WHITE], within=8)


@pytest.mark.parametrize(
    "profile", [SRGB, b"not a profile", SRGB[:200], b""], ids=["srgb", "text", "cut", "none"]
)
def test_srgb_and_broken_profiles_change_nothing(profile: bytes) -> None:
    picture = _decoded(saved(quadrants(), "JPEG", icc_profile=profile))
    assert np.array_equal(picture.pixels, _decoded(saved(quadrants(), "JPEG")).pixels)


def test_a_profile_of_other_pixels_is_ignored() -> None:
    grey = Image.fromarray(quadrants()).convert("L")
    _assert_colours(_decoded(saved(grey, "PNG", icc_profile=SRGB)), [(76,) * 3, (150,) * 3, (29,) * 3, WHITE])


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    frames = [Image.fromarray(quadrants()), Image.new("RGB", (96, 64), "black")]
    data = saved(
        frames[0],
        kind,
        save_all=True,
        append_images=frames[1:],
        **({"lossless": True} if kind == "WEBP" else {}),
    )
    _assert_colours(_decoded(data), [RED, GREEN, BLUE, WHITE], within=0)


def test_a_picture_of_several_jpegs_gives_its_first() -> None:
    data = saved(
        Image.fromarray(quadrants()), "MPO", save_all=True, append_images=[Image.new("RGB", (96, 64))]
    )
    _assert_colours(_decoded(data), [RED, GREEN, BLUE, WHITE], within=8)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"icc_profile": _wide_gamut_profile()}])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_cut_jpeg_with_an_end_glued_on_is_refused(options: dict[str, object], part: float) -> None:
    data = saved(noise((256, 256)), "JPEG", **options)
    scan = data.index(b"\xff\xda")
    # A progressive file is cut in its first scan: later ones only refine what is there.
    end = data.index(b"\xff\xc4", scan) if "progressive" in options else len(data) - 2
    with pytest.raises(UndecodablePicture, match="too early"):
        decode_picture(data[: scan + 20 + int(part * (end - scan - 20))] + b"\xff\xd9", LIMITS)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_whole_picture_of_that_grey_is_taken(mode: str) -> None:
    grey = Image.new(mode, (64, 64), 128 if mode == "L" else (128, 128, 128))
    assert (_decoded(saved(grey, "JPEG")).pixels == 128).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_cut_files_are_refused(kind: str) -> None:
    data = saved(noise((96, 64)), kind)
    for part in (0.2, 0.5, 0.95):
        with pytest.raises(UndecodablePicture):
            decode_picture(data[: int(part * len(data))], LIMITS)


def test_pixels_that_end_within_a_sound_png_are_refused() -> None:
    data = raw_png([bytes(48)] * 8, 16, bit_depth=8, colour_type=2)
    taller = data.replace(data[8:33], png_chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)))
    with pytest.raises(UndecodablePicture):
        decode_picture(taller, LIMITS)


@pytest.mark.parametrize("data", [b"", b"GIF89a" + bytes(40), b"hello"])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(UndecodablePicture):
        decode_picture(data, LIMITS)


def test_the_limits_hold_here_too() -> None:
    with pytest.raises(UndecodablePicture, match="more than 1000"):
        decode_picture(saved(quadrants(), "JPEG"), PictureLimits(max_pixels=1000))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.integers(0, 10**6))
def test_flipped_bytes_give_a_picture_or_a_refusal(kind: str, seed: int) -> None:
    data = bytearray(saved(quadrants(), kind))
    chance = random.Random(seed)
    for _ in range(3):
        data[chance.randrange(len(data))] ^= chance.randrange(1, 256)
    try:
        picture = decode_picture(bytes(data), PictureLimits(max_pixels=100_000))
    except UndecodablePicture as error:
        refusal = error.message
    else:
        refusal = ""
        assert picture.pixels.size
    assert "\n" not in refusal


def test_the_result_is_a_copy_that_can_be_written() -> None:
    data = saved(quadrants(), "PNG")
    picture = _decoded(data)
    picture.pixels[:] = 0
    assert Image.open(io.BytesIO(data)).getpixel((1, 1)) == RED
