"""What is fuzzed without a gateway: each has inputs, and a check that raises when a promise is broken."""

import io
import struct
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from tests.fixtures.archives import PACKERS, zip_of, zip_of_zips, zip_with_directory_of
from tests.fuzz.mutations import mutated
from tests.fuzz.web_addresses import web_addresses
from veilgate.domain.addresses import Reachable, is_public
from veilgate.domain.errors import UndecodablePicture
from veilgate.domain.fetch_targets import read_target
from veilgate.domain.pictures import PictureLimits
from veilgate.domain.rejections import BadArchive, InputRejected, TooManyFiles, UrlForbidden
from veilgate.imaging.decode import decode_picture
from veilgate.imaging.sniff import inspect_picture
from veilgate.services.uploads.archive_entry import ArchiveLimits
from veilgate.services.uploads.archives import HEAD_BYTES, archive_kind, read_archive

_SIZE_WH = (96, 64)
_PICTURES = PictureLimits(max_pixels=2_000_000)
_ARCHIVES = ArchiveLimits(max_entries=50, max_bytes=3_000_000)
_PUBLIC = Reachable()
# Generous: other processes run on this machine.
_AT_ONCE_S = 2.0


@dataclass(frozen=True)
class Target:
    name: str
    inputs: Callable[[], st.SearchStrategy[Any]]
    check: Callable[[Any], None]


def check_sniffing(data: bytes) -> None:
    """A header within the limits, or a refusal; at once."""
    began_s = time.monotonic()
    try:
        header = inspect_picture(data, _PICTURES)
    except InputRejected:
        return
    finally:
        assert time.monotonic() - began_s < _AT_ONCE_S
    assert 0 < header.pixels <= _PICTURES.max_pixels


def check_decoding(data: bytes) -> None:
    """A picture of the size that its header says, upright or turned, or `UndecodablePicture`."""
    began_s = time.monotonic()
    try:
        picture = decode_picture(data, _PICTURES)
    except UndecodablePicture:
        return
    finally:
        assert time.monotonic() - began_s < _AT_ONCE_S
    header = inspect_picture(data, _PICTURES)
    assert sorted(picture.pixels.shape[:2]) == sorted((header.width, header.height))


def check_exif(exif: bytes) -> None:
    """Whatever is written beside good pixels, they are decoded."""
    segment = b"Exif\0\0" + exif[:65_000]
    jpeg = _files()[0]
    data = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]
    picture = decode_picture(data, _PICTURES)
    assert sorted(picture.pixels.shape[:2]) == sorted(_SIZE_WH)


def check_archive(data: bytes) -> None:
    """Entries and then an end or a refusal; never more bytes than are allowed, and at once."""
    kind = archive_kind(data[:HEAD_BYTES])
    if kind is None:
        return
    began_s = time.monotonic()
    with tempfile.NamedTemporaryFile(prefix="vg-") as file:
        file.write(data)
        file.flush()
        inflated = 0
        try:
            for entry in read_archive(Path(file.name), kind, _ARCHIVES):
                try:
                    for piece in entry.pieces():
                        inflated += len(piece)
                except BadArchive:
                    continue
        except (BadArchive, TooManyFiles):
            pass
    assert inflated <= _ARCHIVES.max_bytes
    assert time.monotonic() - began_s < _AT_ONCE_S


def check_address(url: str) -> None:
    """A target that is read the same again and, when it is an address, a public one; or `UrlForbidden`."""
    try:
        target = read_target(url, _PUBLIC)
    except UrlForbidden:
        return
    assert target.port in {80, 443}
    assert target.address is None or is_public(target.address)
    assert read_target(target.url, _PUBLIC) == target
    assert target.url.isascii()
    assert target.url.isprintable()


@cache
def _files() -> tuple[bytes, ...]:
    """A small picture in every format that needs no package, JPEG first."""
    pixels = np.random.default_rng(1).integers(0, 256, (_SIZE_WH[1], _SIZE_WH[0], 3), np.uint8)
    image = Image.fromarray(pixels)
    kinds: tuple[tuple[Image.Image, str, dict[str, Any]], ...] = (
        (image, "JPEG", {}),
        (image, "JPEG", {"progressive": True, "exif": _exif()}),
        (image.convert("CMYK"), "JPEG", {}),
        (image, "PNG", {"exif": _exif()}),
        (image.convert("P"), "PNG", {}),
        (image, "WEBP", {"exif": _exif()}),
        (image, "WEBP", {"lossless": True}),
        (image, "GIF", {"save_all": True, "append_images": [image.rotate(90)]}),
        (image, "TIFF", {}),
        (image, "TIFF", {"compression": "tiff_lzw"}),
        (image, "BMP", {}),
    )
    return tuple(_saved(picture, kind, options) for picture, kind, options in kinds)


def _saved(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    spool = io.BytesIO()
    image.save(spool, kind, **options)
    return spool.getvalue()


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "camera", 72.0
    return exif.tobytes()


def _archives() -> tuple[bytes, ...]:
    files = [("a.jpg", _files()[0]), ("folder/b.png", b"hello" * 99)]
    odd = (zip_of_zips(1, b"kernel"), zip_with_directory_of(60), zip_of([("a", bytes(400_000))]))
    return (*(pack(files) for pack in PACKERS.values()), *odd)


TARGETS = (
    Target("sniffing", lambda: mutated(_files()), check_sniffing),
    Target("decoding", lambda: mutated(_files()), check_decoding),
    Target("exif", lambda: mutated((_exif()[6:], bytes(8))), check_exif),
    Target("archives", lambda: mutated(_archives()), check_archive),
    Target("addresses", web_addresses, check_address),
)
