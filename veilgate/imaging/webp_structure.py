"""The structure of a WebP file (RFC 9649): the container's length, and the size in its first chunk."""

from veilgate.domain.pictures import PictureFormat, PictureHeader, PictureLimits
from veilgate.domain.rejections import DamagedImage, TruncatedImage
from veilgate.imaging.picture_limits import check_limits

_FIRST_CHUNK_AT = 12
_FIRST_DATA_AT = 20
_LOSSY_START_CODE = b"\x9d\x01\x2a"
_LOSSLESS_SIGNATURE = 0x2F


def inspect_webp(view: memoryview, limits: PictureLimits) -> PictureHeader:
    """Read the size from the first chunk, then require that the file holds all its container announces."""
    head = bytes(view[: _FIRST_DATA_AT + 10])
    if len(head) < _FIRST_DATA_AT + 10:
        raise TruncatedImage("The WebP ends within its header.")
    width, height = _size_wh(head)
    header = check_limits(PictureHeader(PictureFormat.WEBP, width=width, height=height), limits)
    container_end = 8 + int.from_bytes(head[4:8], "little")
    chunk_end = _FIRST_DATA_AT + int.from_bytes(head[16:20], "little")
    if container_end > view.nbytes:
        raise TruncatedImage("The WebP ends before its container does.")
    if chunk_end > container_end:
        raise DamagedImage("The WebP's chunks reach beyond its container.")
    return header


def _size_wh(head: bytes) -> tuple[int, int]:
    kind, data = head[_FIRST_CHUNK_AT : _FIRST_CHUNK_AT + 4], head[_FIRST_DATA_AT:]
    if kind == b"VP8X":
        return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
    if kind == b"VP8L" and data[0] == _LOSSLESS_SIGNATURE:
        bits = int.from_bytes(data[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[3:6] == _LOSSY_START_CODE:
        # The upper two bits of each size ask for scaling on display and are no part of it.
        return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF
    raise DamagedImage("The WebP's first chunk is not a picture.")
