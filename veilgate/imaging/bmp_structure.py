"""The structure of a BMP file: a header of a known kind, a layout that can be read, and all its rows."""

import struct
from dataclasses import dataclass

from veilgate.domain.pictures import PictureFormat, PictureHeader, PictureLimits
from veilgate.domain.rejections import DamagedImage, TruncatedImage, UnsupportedMode
from veilgate.imaging.picture_limits import check_limits

_FILE_HEADER_BYTES = 14
# OS/2 1 and 2, Windows 3 with its two extensions, 4 and 5: told apart by their length.
CORE_HEADER_BYTES = 12
_OS2_HEADER_BYTES = 64
HEADER_BYTES = (CORE_HEADER_BYTES, 40, 52, 56, _OS2_HEADER_BYTES, 108, 124)
_RAW, _MASKED = 0, 3
_BITS = (1, 4, 8, 16, 24, 32)
# Red, green, blue and alpha: what may say where in a pixel they are. The decoder knows no other layouts.
_MASKS: dict[int, tuple[tuple[int, int, int, int], ...]] = {
    16: ((0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0)),
    32: (
        (0xFF0000, 0xFF00, 0xFF, 0),
        (0xFF000000, 0xFF0000, 0xFF00, 0),
        (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
        (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    ),
}


@dataclass(frozen=True, slots=True)
class BmpLayout:
    """What a header says of the pixels; `colours` is 0 where it means as many as they can name."""

    width: int
    height: int
    planes: int
    bits: int
    compression: int
    colours: int
    header_bytes: int

    @property
    def row_bytes(self) -> int:
        return (self.width * self.bits + 31) // 32 * 4

    @property
    def table_at(self) -> int:
        masks_bytes = 12 if self.compression == _MASKED and self.header_bytes == 40 else 0
        return _FILE_HEADER_BYTES + self.header_bytes + masks_bytes

    @property
    def table_bytes(self) -> int:
        """How long the colour table is."""
        if self.bits > 8:
            return 0
        entry_bytes = 3 if self.header_bytes == CORE_HEADER_BYTES else 4
        return entry_bytes * (self.colours or 1 << self.bits)


def inspect_bmp(view: memoryview, limits: PictureLimits) -> PictureHeader:
    """Read the size, then require a layout that is read right, and that all rows are in the file.

    A height below zero means rows from the top down, and is as good as any.
    """
    layout = read_layout(view)
    header = check_limits(PictureHeader(PictureFormat.BMP, width=layout.width, height=layout.height), limits)
    _require_known(view, layout)
    pixels_at = int.from_bytes(view[10:14], "little")
    if pixels_at < layout.table_at + layout.table_bytes:
        raise DamagedImage("The BMP's pixels begin within its header.")
    if pixels_at + layout.row_bytes * layout.height > view.nbytes:
        raise TruncatedImage("The BMP ends before its last row.")
    return header


def read_layout(view: memoryview) -> BmpLayout:
    """Raises TruncatedImage or DamagedImage."""
    header_bytes = int.from_bytes(_read(view, _FILE_HEADER_BYTES, 4), "little")
    if header_bytes not in HEADER_BYTES:
        raise DamagedImage("The BMP's header is of no known kind.")
    fields = _read(view, _FILE_HEADER_BYTES + 4, header_bytes - 4)
    if header_bytes == CORE_HEADER_BYTES:
        width, height, planes, bits = struct.unpack("<4H", fields)
        return BmpLayout(width, height, planes, bits, _RAW, 0, header_bytes)
    width, height, planes, bits, compression = struct.unpack_from("<iiHHI", fields)
    colours = int.from_bytes(fields[28:32], "little")
    if width < 0:
        raise DamagedImage("The BMP's header gives it a width below zero.")
    return BmpLayout(width, abs(height), planes, bits, compression, colours, header_bytes)


def _require_known(view: memoryview, layout: BmpLayout) -> None:
    if layout.planes != 1 or layout.bits not in _BITS:
        raise DamagedImage("The BMP's header is damaged.")
    if layout.bits <= 8 and layout.colours > 1 << layout.bits:
        raise DamagedImage("The BMP has more colours than its pixels can name.")
    if layout.compression == _RAW:
        return
    if layout.compression != _MASKED or layout.header_bytes == _OS2_HEADER_BYTES:
        raise UnsupportedMode("Compressed BMP files are not taken.")
    # Behind a plain header the masks follow it; longer headers hold them, at the same place.
    words = 3 if layout.header_bytes in (40, 52) else 4
    masks = struct.unpack(f"<{words}I", _read(view, _FILE_HEADER_BYTES + 40, 4 * words))
    if (*masks, 0)[:4] not in _MASKS.get(layout.bits, ()):
        raise UnsupportedMode("A BMP with colours in these places of its pixels is not taken.")


def _read(view: memoryview, start: int, length: int) -> bytes:
    if start + length > view.nbytes:
        raise TruncatedImage("The BMP ends within its header.")
    return bytes(view[start : start + length])
