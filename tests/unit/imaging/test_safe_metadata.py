"""What copies carry under `MetadataPolicy.SAFE`: the resolution and sRGB, and not one thing more."""

import io
import struct
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from tests.unit.imaging.imaging_samples import noise, png_chunk, quadrants, saved
from veilgate.domain.pictures import PictureFormat, PictureLimits
from veilgate.domain.redaction import MetadataPolicy
from veilgate.imaging import safe_metadata
from veilgate.imaging.decode import decode_picture
from veilgate.imaging.encode import encode_picture
from veilgate.imaging.picture import Picture
from veilgate.imaging.resolution import sane_dpi
from veilgate.imaging.safe_metadata import srgb_profile
from veilgate.imaging.thumbnail import thumbnail

LIMITS = PictureLimits()
SAFE = MetadataPolicy.SAFE
FORMATS = sorted({kind.served_as for kind in PictureFormat})
SECRETS = (b"secret", b"Exif", b"GPS", b"http://ns.adobe.com", b"Photoshop", b"xmp", b"2026")


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def picture_of(
    kind: PictureFormat, *, alpha: bool = False, dpi: tuple[float, float] | None = None
) -> Picture:
    pixels = noise((96, 64))
    opacity = noise((96, 64), seed=1)[..., 0].copy() if alpha else None
    return Picture(pixels, opacity, kind, dpi=dpi)


def in_opencv(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def exif_of(**tags: Any) -> bytes:
    exif = Image.Exif()
    for name, value in tags.items():
        exif[ExifTags.Base[name]] = value
    return exif.tobytes()


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """Markers and contents of a JPEG up to its scan."""
    found, position = [], 2
    while data[position + 1] != 0xDA:
        length = struct.unpack_from(">H", data, position + 2)[0]
        found.append((data[position + 1], data[position + 4 : position + 2 + length]))
        position += 2 + length
    return found


def chunks(data: bytes, *, start: int, order: str, trailer: int) -> list[bytes]:
    """Kinds of chunks of a PNG (length first) or a WebP (kind first)."""
    kinds, position = [], start
    while position < len(data):
        kind_at, length_at = (4, 0) if order == ">" else (0, 4)
        kinds.append(data[position + kind_at : position + kind_at + 4])
        length = struct.unpack_from(f"{order}I", data, position + length_at)[0]
        position += 8 + length + trailer + (length % 2 if order == "<" else 0)
    return kinds


def kinds_of(data: bytes, picture_format: PictureFormat) -> list[bytes]:
    if picture_format is PictureFormat.PNG:
        return chunks(data, start=8, order=">", trailer=4)
    return chunks(data, start=12, order="<", trailer=0)


def test_a_jpeg_says_its_density_and_srgb() -> None:
    encoded = encode_picture(picture_of(PictureFormat.JPEG, dpi=(300, 150)), metadata=SAFE)
    info = opened(encoded).info
    assert info.pop("icc_profile") == srgb_profile()
    expected = {
        "jfif": 257,
        "jfif_version": (1, 1),
        "jfif_unit": 1,
        "jfif_density": (300, 150),
        "dpi": (300, 150),
    }
    assert info == expected
    assert [marker for marker, _ in segments(encoded)][:2] == [0xE0, 0xE2]
    assert {marker for marker, _ in segments(encoded)} == {0xE0, 0xE2, 0xDB, 0xC0, 0xC4}


def test_a_png_says_its_density_and_srgb() -> None:
    encoded = encode_picture(picture_of(PictureFormat.PNG, dpi=(300, 72)), metadata=SAFE)
    info = opened(encoded).info
    assert info.pop("dpi") == pytest.approx((300, 72), abs=0.02)
    assert info == {"srgb": 0}
    assert set(kinds_of(encoded, PictureFormat.PNG)) == {b"IHDR", b"sRGB", b"pHYs", b"IDAT", b"IEND"}
    assert kinds_of(encoded, PictureFormat.PNG)[:3] == [b"IHDR", b"sRGB", b"pHYs"]


@pytest.mark.parametrize("alpha", [False, True])
def test_a_webp_says_srgb(alpha: bool) -> None:
    encoded = encode_picture(picture_of(PictureFormat.WEBP, alpha=alpha, dpi=(300, 300)), metadata=SAFE)
    info = opened(encoded).info
    assert info.pop("icc_profile") == srgb_profile()
    # What is left, Pillow says of every WebP.
    plain = encode_picture(picture_of(PictureFormat.WEBP, alpha=alpha))
    assert info == {key: value for key, value in opened(plain).info.items() if key != "icc_profile"}
    pixels = {b"ALPH", b"VP8 "} if alpha else {b"VP8 "}
    assert set(kinds_of(encoded, PictureFormat.WEBP)) == {b"VP8X", b"ICCP"} | pixels


@pytest.mark.parametrize("kind", FORMATS)
def test_without_a_resolution_none_is_said(kind: PictureFormat) -> None:
    encoded = encode_picture(picture_of(kind), metadata=SAFE)
    assert "dpi" not in opened(encoded).info
    assert b"pHYs" not in encoded


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("kind", FORMATS)
def test_pixels_are_those_of_a_stripped_copy(kind: PictureFormat, alpha: bool) -> None:
    picture = picture_of(kind, alpha=alpha and kind is not PictureFormat.JPEG, dpi=(300, 300))
    safe, stripped = encode_picture(picture, metadata=SAFE), encode_picture(picture)
    assert safe != stripped
    assert np.array_equal(np.asarray(opened(safe)), np.asarray(opened(stripped)))
    assert np.array_equal(in_opencv(safe), in_opencv(stripped))
    decoded = [decode_picture(data, LIMITS) for data in (safe, stripped)]
    assert np.array_equal(decoded[0].pixels, decoded[1].pixels)


@pytest.mark.parametrize("kind", FORMATS)
def test_strip_ignores_the_resolution_to_the_byte(kind: PictureFormat) -> None:
    with_dpi, without = picture_of(kind, dpi=(300, 300)), picture_of(kind)
    assert encode_picture(with_dpi) == encode_picture(without)
    assert encode_picture(with_dpi, metadata=MetadataPolicy.STRIP) == encode_picture(without)


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_of_the_source_but_its_resolution_comes_through(kind: PictureFormat) -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[84:100] = b"secret-of-camera"
    options: dict[str, Any] = {
        "exif": exif_of(Artist="secret-name", Software="secret-camera"),
        "icc_profile": bytes(profile),
        "dpi": (240, 240),
    }
    if kind is not PictureFormat.PNG:
        options["xmp"] = b"<x:xmpmeta>secret</x:xmpmeta>"
    source = saved(Image.fromarray(quadrants()), kind.name, **options)
    assert b"secret-name" in source
    encoded = encode_picture(decode_picture(source, LIMITS), metadata=SAFE)
    for secret in SECRETS:
        assert secret not in encoded
    image = opened(encoded)
    assert not image.getexif()
    assert set(image.info) <= {
        "dpi", "srgb", "icc_profile", "jfif", "jfif_version", "jfif_unit", "jfif_density",
        "loop", "background", "timestamp", "duration",
    }  # fmt: skip


def test_thumbnails_carry_no_resolution() -> None:
    small = thumbnail(picture_of(PictureFormat.JPEG, dpi=(300, 300)), max_side_px=32)
    assert small.dpi is None
    assert "icc_profile" not in opened(encode_picture(small)).info


def test_the_profile_is_srgb_small_and_the_same_on_every_day(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = srgb_profile()
    assert len(profile) < 700
    opened_profile = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    assert opened_profile.profile.xcolor_space == "RGB "
    assert opened_profile.profile.creation_date is not None
    assert opened_profile.profile.creation_date.year == 2000
    transform = ImageCms.buildTransform(opened_profile, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    sample = Image.fromarray(noise((64, 64)))
    carried = np.asarray(ImageCms.applyTransform(sample, transform)).astype(int)
    assert np.abs(carried - np.asarray(sample)).max() <= 1
    safe_metadata.srgb_profile.cache_clear()
    assert srgb_profile() == profile


def test_safe_copies_are_the_same_bytes_again_and_again() -> None:
    picture = picture_of(PictureFormat.JPEG, dpi=(96, 96))
    assert encode_picture(picture, metadata=SAFE) == encode_picture(picture, metadata=SAFE)


@pytest.mark.parametrize(
    ("kind", "options", "dpi"),
    [
        ("JPEG", {"dpi": (300, 150)}, (300, 150)),
        ("JPEG", {}, None),
        ("JPEG", {"exif": exif_of(Make="x")}, None),
        ("JPEG", {"exif": exif_of(XResolution=240.0, YResolution=120.0, ResolutionUnit=2)}, (240, 120)),
        ("JPEG", {"exif": exif_of(XResolution=100.0, YResolution=100.0, ResolutionUnit=3)}, (254, 254)),
        ("JPEG", {"exif": exif_of(XResolution=100.0, YResolution=100.0, ResolutionUnit=1)}, None),
        ("JPEG", {"exif": exif_of(XResolution=100.0)}, None),
        ("PNG", {"dpi": (299.9994, 299.9994)}, (300, 300)),
        ("PNG", {}, None),
        ("WEBP", {}, None),
    ],
)
def test_the_resolution_of_a_file(
    kind: str, options: dict[str, Any], dpi: tuple[float, float] | None
) -> None:
    assert decode_picture(saved(quadrants(), kind, **options), LIMITS).dpi == dpi


def test_a_density_in_centimetres_and_one_that_is_only_a_ratio() -> None:
    plain = saved(quadrants(), "JPEG", dpi=(100, 200))
    assert plain[13:18] == b"\x01\x00\x64\x00\xc8"
    assert decode_picture(plain[:13] + b"\x02" + plain[14:], LIMITS).dpi == (254, 508)
    assert decode_picture(plain[:13] + b"\x00" + plain[14:], LIMITS).dpi is None
    ratio = png_chunk(b"pHYs", struct.pack(">IIB", 4, 3, 0))
    png = saved(quadrants(), "PNG")
    assert decode_picture(png[:33] + ratio + png[33:], LIMITS).dpi is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_that_is_turned_turns_its_resolution(orientation: int) -> None:
    data = saved(quadrants(), "JPEG", dpi=(300, 150), exif=exif_of(Orientation=orientation))
    expected = (300, 150) if orientation <= 4 else (150, 300)
    assert decode_picture(data, LIMITS).dpi == expected


@pytest.mark.parametrize("dots_a_metre", [0, 1, 2**31 - 1])
def test_a_resolution_that_no_printer_has_is_none(dots_a_metre: int) -> None:
    insane = png_chunk(b"pHYs", struct.pack(">IIB", dots_a_metre, dots_a_metre, 1))
    png = saved(quadrants(), "PNG")
    picture = decode_picture(png[:33] + insane + png[33:], LIMITS)
    assert picture.dpi is None
    assert b"pHYs" not in encode_picture(picture, metadata=SAFE)


@given(
    st.one_of(
        st.none(),
        st.text(),
        st.integers(),
        st.lists(st.one_of(st.none(), st.text(), st.floats(), st.integers())),
    )
)
def test_anything_else_is_no_resolution_either(value: object) -> None:
    dpi = sane_dpi(value)
    assert dpi is None or all(10 <= side <= 9600 and side == round(side) for side in dpi)
