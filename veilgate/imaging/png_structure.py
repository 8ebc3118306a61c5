"""The structure of a PNG file: a sane header, then chunks with right checksums up to the end chunk."""

import zlib
from dataclasses import dataclass

from veilgate.domain.pictures import PictureFormat, PictureHeader, PictureLimits
from veilgate.domain.rejections import DamagedImage, TruncatedImage
from veilgate.imaging.picture_limits import check_limits
from veilgate.imaging.png_texts import COMPRESSED_KINDS, TextAllowance

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BIT_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PALETTED = 3
_CHUNK_FRAME_BYTES = 12
# libpng writes 8 KB a chunk: 6,400 in 50 MB. A file of far more is made to waste time (16 Ki take 40 ms).
_MAX_CHUNKS = 1 << 14


@dataclass(frozen=True, slots=True)
class _Chunk:
    kind: bytes
    start: int
    end: int


def inspect_png(view: memoryview, limits: PictureLimits) -> PictureHeader:
    """Read the size, then walk every chunk to the end."""
    signature = bytes(view[: len(_SIGNATURE)])
    if signature != _SIGNATURE:
        raise _torn(view, "The PNG's signature is damaged.")
    first = _chunk_at(view, len(_SIGNATURE))
    header = check_limits(_image_header(view, first), limits)
    _check_sum(view, first)
    _walk_to_end(view, first.end + 4, needs_palette=view[first.start + 9] == _PALETTED)
    return header


def _walk_to_end(view: memoryview, position: int, *, needs_palette: bool) -> None:
    has_pixels = False
    texts = TextAllowance()
    for _ in range(_MAX_CHUNKS):
        chunk = _chunk_at(view, position)
        _check_sum(view, chunk)
        if chunk.kind == b"IEND":
            break
        if chunk.kind in COMPRESSED_KINDS:
            texts.spend(chunk.kind, bytes(view[chunk.start : chunk.end]))
        if chunk.kind == b"PLTE":
            _check_palette(chunk)
            needs_palette = False
        has_pixels = has_pixels or chunk.kind == b"IDAT"
        if has_pixels and needs_palette:
            raise DamagedImage("The PNG lacks its palette.")
        position = chunk.end + 4
    else:
        raise DamagedImage("The PNG has too many chunks.")
    if not has_pixels:
        raise DamagedImage("The PNG has no pixels.")


def _chunk_at(view: memoryview, position: int) -> _Chunk:
    if position + _CHUNK_FRAME_BYTES > view.nbytes:
        raise TruncatedImage("The PNG ends before its end chunk.")
    length = int.from_bytes(view[position : position + 4], "big")
    kind = bytes(view[position + 4 : position + 8])
    if length > 0x7FFF_FFFF or not kind.isalpha():
        raise DamagedImage("The PNG's chunks are damaged.")
    start = position + 8
    if start + length + 4 > view.nbytes:
        raise TruncatedImage("The PNG ends before its end chunk.")
    return _Chunk(kind, start, start + length)


def _check_sum(view: memoryview, chunk: _Chunk) -> None:
    stated = int.from_bytes(view[chunk.end : chunk.end + 4], "big")
    if zlib.crc32(view[chunk.start - 4 : chunk.end]) != stated:
        raise DamagedImage("A checksum in the PNG does not match.")


def _check_palette(chunk: _Chunk) -> None:
    entries, rest = divmod(chunk.end - chunk.start, 3)
    if rest or not 1 <= entries <= 256:
        raise DamagedImage("The PNG's palette is damaged.")


def _image_header(view: memoryview, chunk: _Chunk) -> PictureHeader:
    fields = bytes(view[chunk.start : chunk.end]) if chunk.kind == b"IHDR" else b""
    if len(fields) != 13:
        raise DamagedImage("The PNG does not begin with its header.")
    bit_depth, colour_type, compression, filtering, interlace = fields[8:]
    is_sane = compression == 0 and filtering == 0 and interlace in (0, 1)
    if not is_sane or bit_depth not in _BIT_DEPTHS.get(colour_type, ()):
        raise DamagedImage("The PNG's header is damaged.")
    width, height = int.from_bytes(fields[:4], "big"), int.from_bytes(fields[4:8], "big")
    return PictureHeader(PictureFormat.PNG, width=width, height=height)


def _torn(view: memoryview, sentence: str) -> TruncatedImage | DamagedImage:
    if view.nbytes < len(_SIGNATURE) and _SIGNATURE.startswith(bytes(view)):
        return TruncatedImage("The PNG ends within its signature.")
    return DamagedImage(sentence)
