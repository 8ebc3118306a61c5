"""What a file's bytes say of its picture, read without decoding: format, size, and whether it is whole.

Pure Python without numpy or a codec, because the gateway calls it on every upload. It never decodes, so a
picture that passes may still turn out undecodable. Bytes after the picture's end are allowed.
"""

from collections.abc import Callable
from mmap import mmap

from veilgate.domain.errors import EmptyFile, NotAnImage, TruncatedImage, UnsupportedFormat
from veilgate.domain.pictures import PictureHeader, PictureLimits
from veilgate.imaging.foreign_formats import foreign_format
from veilgate.imaging.jpeg_structure import inspect_jpeg
from veilgate.imaging.png_structure import inspect_png
from veilgate.imaging.webp_structure import inspect_webp

Inspector = Callable[[memoryview, PictureLimits], PictureHeader]

# A format is a row here: its first bytes, its bytes from the eighth on (if any), and what reads it.
INSPECTORS: tuple[tuple[bytes, bytes, Inspector], ...] = (
    (b"\xff\xd8\xff", b"", inspect_jpeg),
    (b"\x89PNG", b"", inspect_png),
    (b"RIFF", b"WEBP", inspect_webp),
)
_SECOND_MAGIC_AT = 8
_HEAD_BYTES = 1024


def inspect_picture(data: bytes | memoryview | mmap, limits: PictureLimits) -> PictureHeader:
    """Read and check a whole picture file.

    The size is read from the header and held to `limits` before anything else is looked at. Raises an
    `InputRejected` leaf: EmptyFile, NotAnImage, UnsupportedFormat, TooManyPixels, BadDimensions,
    TruncatedImage or DamagedImage.
    """
    with memoryview(data) as view:
        if not view.nbytes:
            raise EmptyFile
        head = bytes(view[:_HEAD_BYTES])
        inspect = _inspector_for(head)
        return inspect(view, limits)


def _inspector_for(head: bytes) -> Inspector:
    for magic, second_magic, inspect in INSPECTORS:
        if head.startswith(magic) and head.startswith(second_magic, _SECOND_MAGIC_AT):
            return inspect
    if name := foreign_format(head):
        raise UnsupportedFormat(f"{name} files are not taken; send JPEG, PNG or WebP.")
    if any(_is_cut_magic(head, magic) for magic, _, _ in INSPECTORS):
        raise TruncatedImage("The file ends within its first bytes.")
    raise NotAnImage("The file is not a JPEG, PNG or WebP picture.")


def _is_cut_magic(head: bytes, magic: bytes) -> bool:
    return len(head) < _SECOND_MAGIC_AT + 4 and (head.startswith(magic) or magic.startswith(head))
