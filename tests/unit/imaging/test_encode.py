import io

import numpy as np
import pytest
from PIL import Image

from tests.unit.imaging.imaging_samples import noise, quadrants, saved
from veilgate.domain.pictures import PictureFormat, PictureLimits
from veilgate.imaging.decode import decode_picture
from veilgate.imaging.encode import encode_picture
from veilgate.imaging.picture import Picture

LIMITS = PictureLimits()
SECRETS = (b"GPS-Secret", b"xmp-secret", b"iptc-secret", b"comment-secret", b"text-secret")


def _tell_tale(kind: str) -> bytes:
    """A file with everything in it that cameras and editors leave."""
    exif = Image.Exif()
    exif[0x010E] = "GPS-Secret"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    thumbnail = saved(Image.new("RGB", (32, 32), "red"), "JPEG")
    image = Image.fromarray(quadrants())
    options: dict[str, object] = {"exif": exif.tobytes(), "icc_profile": b"icc-secret" + bytes(200)}
    if kind == "JPEG":
        options |= {"xmp": b"<x:xmpmeta>xmp-secret</x:xmpmeta>", "comment": b"comment-secret"}
    data = saved(image, kind, **options)
    if kind == "JPEG":
        app13 = b"Photoshop 3.0\0" + b"iptc-secret" + thumbnail
        data = data[:2] + b"\xff\xed" + (len(app13) + 2).to_bytes(2, "big") + app13 + data[2:]
    return bytes(data)


def _jpeg_markers(data: bytes) -> list[int]:
    markers, position = [], 2
    while data[position + 1] != 0xDA:
        markers.append(data[position + 1])
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return markers


def _png_chunks(data: bytes) -> set[bytes]:
    kinds, position = set(), 8
    while position < len(data):
        kinds.add(data[position + 4 : position + 8])
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return kinds


def _webp_chunks(data: bytes) -> set[bytes]:
    kinds, position = set(), 12
    while position < len(data):
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        kinds.add(data[position : position + 4])
        position += 8 + length + length % 2
    return kinds


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_of_the_metadata_comes_through(kind: str) -> None:
    source = _tell_tale(kind)
    assert b"GPS-Secret" in source
    encoded = encode_picture(decode_picture(source, LIMITS))
    for secret in (*SECRETS, b"icc-secret", b"Exif", b"ICC_PROFILE", b"xmpmeta", b"Photoshop"):
        assert secret not in encoded
    image = Image.open(io.BytesIO(encoded))
    assert not image.getexif()
    assert image.format == kind


def test_a_jpeg_has_only_what_its_pixels_need() -> None:
    encoded = encode_picture(Picture(quadrants(), None, PictureFormat.JPEG))
    assert set(_jpeg_markers(encoded)) <= {0xE0, 0xDB, 0xC0, 0xC4}
    # A JFIF segment of 16 bytes has no thumbnail in it.
    assert encoded[2:6] == b"\xff\xe0\0\x10"
    assert encoded.count(b"\xff\xd8\xff") == 1


def test_a_png_and_a_webp_have_only_what_their_pixels_need() -> None:
    png = encode_picture(Picture(quadrants(), None, PictureFormat.PNG))
    webp = encode_picture(Picture(quadrants(), None, PictureFormat.WEBP))
    assert _png_chunks(png) == {b"IHDR", b"IDAT", b"IEND"}
    assert _webp_chunks(webp) == {b"VP8 "}


@pytest.mark.parametrize(("picture_format", "within"), [("jpeg", 40), ("png", 0), ("webp", 40)])
def test_colours_survive(picture_format: str, within: int) -> None:
    encoded = encode_picture(Picture(quadrants(), None, PictureFormat(picture_format)), quality=95)
    again = decode_picture(encoded, LIMITS)
    difference = np.abs(again.pixels.astype(int) - quadrants())
    assert np.median(difference) <= 2
    assert difference[8:24, 8:40].max() <= within


@pytest.mark.parametrize("picture_format", [PictureFormat.PNG, PictureFormat.WEBP])
def test_alpha_is_kept(picture_format: PictureFormat) -> None:
    alpha = noise((96, 64))[..., 0].copy()
    again = decode_picture(encode_picture(Picture(quadrants(), alpha, picture_format)), LIMITS)
    assert again.alpha is not None
    assert np.array_equal(again.alpha, alpha)


def test_colours_nobody_sees_are_not_written() -> None:
    alpha = np.full((64, 96), 255, np.uint8)
    alpha[:, 48:] = 0
    face = noise((96, 64))
    before = face.copy()
    again = Image.open(io.BytesIO(encode_picture(Picture(face, alpha, PictureFormat.PNG))))
    planes = np.asarray(again)
    assert not planes[:, 48:].any()
    assert np.array_equal(planes[:, :48, :3], face[:, :48])
    assert np.array_equal(face, before)


def test_colours_nobody_sees_are_not_in_a_webp_either() -> None:
    alpha = np.full((64, 96), 255, np.uint8)
    alpha[:, 48:] = 0
    loud = np.full((64, 96, 3), 255, np.uint8)
    loud[:, 48:] = noise((48, 64))
    encoded = encode_picture(Picture(loud, alpha, PictureFormat.WEBP))
    hidden = np.asarray(Image.open(io.BytesIO(encoded)))[:, 64:, :3]
    assert hidden.std() < 1


def test_quality_counts() -> None:
    picture = Picture(noise((96, 64)), None, PictureFormat.JPEG)
    assert len(encode_picture(picture, quality=40)) < len(encode_picture(picture, quality=90)) / 2
