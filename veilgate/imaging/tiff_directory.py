"""The first directory of a TIFF file: those of its fields that say how the pixels are stored."""

import struct
from collections.abc import Mapping

from veilgate.domain.rejections import DamagedImage, TruncatedImage

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR = 273, 277, 278, 279, 284
PREDICTOR, COLOUR_MAP, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 317, 320, 322, 323, 324, 325
EXTRA_SAMPLES, SAMPLE_FORMAT = 338, 339
_WANTED = frozenset(
    {
        *(WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER),
        *(STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR),
        *(PREDICTOR, COLOUR_MAP, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES),
        *(EXTRA_SAMPLES, SAMPLE_FORMAT),
    }
)
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}
# BYTE, SHORT and LONG: what a count, a size or a place may be written as.
_CODES = {1: "B", 3: "H", 4: "I"}
_ENTRY_BYTES = 12
# Scanners and cameras write 20 to 80; a directory of thousands is made to waste time.
_MAX_ENTRIES = 512
# A strip for each row of a picture of 20,000 rows in four planes, or tiles of 64 x 64 in one of 40 MP.
_MAX_VALUES = 1 << 17

Fields = Mapping[int, tuple[int, ...]]


def read_fields(view: memoryview) -> Fields:
    """The wanted fields of the first directory by tag. Later directories are never looked at.

    Raises TruncatedImage where the file is too short for what it announces, DamagedImage where it
    contradicts itself: the two libraries that read it later disagree about a tag that is there twice.
    """
    order = _BYTE_ORDERS[bytes(view[:2])]
    if view.nbytes < 8:
        raise TruncatedImage("The TIFF ends within its header.")
    (directory_at,) = struct.unpack_from(f"{order}I", view, 4)
    entries = _entries(view, directory_at, order)
    fields: dict[int, tuple[int, ...]] = {}
    for tag, kind, count, inline in struct.iter_unpack(f"{order}HHI4s", entries):
        if tag not in _WANTED:
            continue
        if tag in fields:
            raise DamagedImage("The TIFF says the same thing twice.")
        fields[tag] = _values(view, order, kind=kind, count=count, inline=inline)
    return fields


def _entries(view: memoryview, directory_at: int, order: str) -> bytes:
    if directory_at < 8:
        raise DamagedImage("The TIFF's directory is not where it can be.")
    if directory_at + 2 > view.nbytes:
        raise TruncatedImage("The TIFF ends before its directory.")
    (count,) = struct.unpack_from(f"{order}H", view, directory_at)
    if not 0 < count <= _MAX_ENTRIES:
        raise DamagedImage("The TIFF's directory is damaged.")
    end = directory_at + 2 + count * _ENTRY_BYTES
    if end > view.nbytes:
        raise TruncatedImage("The TIFF ends within its directory.")
    return bytes(view[directory_at + 2 : end])


def _values(view: memoryview, order: str, *, kind: int, count: int, inline: bytes) -> tuple[int, ...]:
    code = _CODES.get(kind)
    if code is None or not 0 < count <= _MAX_VALUES:
        raise DamagedImage("The TIFF's directory is damaged.")
    layout = f"{order}{count}{code}"
    size_bytes = struct.calcsize(layout)
    if size_bytes <= len(inline):
        return struct.unpack_from(layout, inline)
    (place,) = struct.unpack(f"{order}I", inline)
    if place + size_bytes > view.nbytes:
        raise TruncatedImage("The TIFF ends before the values of its directory.")
    return struct.unpack_from(layout, view, place)
