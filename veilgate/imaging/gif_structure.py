"""The structure of a GIF file (GIF89a specification): its canvas, and a first frame that is whole."""

from veilgate.domain.pictures import PictureFormat, PictureHeader, PictureLimits
from veilgate.domain.rejections import DamagedImage, TruncatedImage
from veilgate.imaging.picture_limits import check_limits

_SCREEN_END = 13
_FRAME_BYTES = 9
_EXTENSION, _FRAME, _TRAILER = 0x21, 0x2C, 0x3B
_HAS_TABLE = 0x80
_MAX_CODE_BITS = 8
# Blocks before the first frame: a comment and a few words to the player; more is made to waste time.
_MAX_EXTENSIONS = 256
# 255 bytes each: a first frame of 50 MB has 205,000 of them, walked in 20 ms.
_MAX_PIECES = 1 << 18


def inspect_gif(view: memoryview, limits: PictureLimits) -> PictureHeader:
    """Read the size of the canvas, then require a first frame that lies within it and is whole.

    What follows that frame is neither read nor shown, be it one frame or thousands.
    """
    if bytes(view[:6]) not in (b"GIF87a", b"GIF89a"):
        raise _torn(view)
    screen = _read(view, 6, _SCREEN_END)
    width, height = int.from_bytes(screen[:2], "little"), int.from_bytes(screen[2:4], "little")
    header = check_limits(PictureHeader(PictureFormat.GIF, width=width, height=height), limits)
    _check_first_frame(view, _first_frame_at(view, _SCREEN_END + _table_bytes(screen[4])), header)
    return header


def _first_frame_at(view: memoryview, position: int) -> int:
    """Where the description of the first frame begins, after its introducer."""
    for _ in range(_MAX_EXTENSIONS):
        introducer = _read(view, position, position + 1)[0]
        if introducer == _FRAME:
            return position + 1
        if introducer == _TRAILER:
            raise DamagedImage("The GIF ends before its pixels begin.")
        if introducer != _EXTENSION:
            raise DamagedImage("The GIF's blocks are damaged.")
        position = _end_of_pieces(view, position + 2)
    raise DamagedImage("The GIF has too many blocks before its pixels.")


def _check_first_frame(view: memoryview, position: int, header: PictureHeader) -> None:
    frame = _read(view, position, position + _FRAME_BYTES)
    left, top, width, height = (int.from_bytes(frame[at : at + 2], "little") for at in (0, 2, 4, 6))
    if not width or not height or left + width > header.width or top + height > header.height:
        raise DamagedImage("The GIF's first frame does not lie within its canvas.")
    code_bits_at = position + _FRAME_BYTES + _table_bytes(frame[8])
    if not 1 <= _read(view, code_bits_at, code_bits_at + 1)[0] <= _MAX_CODE_BITS:
        raise DamagedImage("The GIF's pixels are damaged.")
    if _end_of_pieces(view, code_bits_at + 1) == code_bits_at + 2:
        raise DamagedImage("The GIF has no pixels.")


def _end_of_pieces(view: memoryview, position: int) -> int:
    """Where a chain of pieces ends, each of which begins with its length; one of length zero is the last."""
    end = view.nbytes
    for _ in range(_MAX_PIECES):
        if position >= end:
            raise TruncatedImage("The GIF ends within its blocks.")
        length = view[position]
        position += 1 + length
        if not length:
            return position
    raise DamagedImage("The GIF has too many blocks.")


def _table_bytes(flags: int) -> int:
    """How long the colour table is that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & _HAS_TABLE else 0


def _read(view: memoryview, start: int, end: int) -> bytes:
    if end > view.nbytes:
        raise TruncatedImage("The GIF ends within its header.")
    return bytes(view[start:end])


def _torn(view: memoryview) -> TruncatedImage | DamagedImage:
    if view.nbytes < 6:
        return TruncatedImage("The GIF ends within its signature.")
    return DamagedImage("The GIF's signature is damaged.")
