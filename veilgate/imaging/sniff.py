"""What a file's bytes say of its picture, read without decoding: format, size, and whether it is whole.

Pure Python without numpy or a codec, because the gateway calls it on every upload. It never decodes, so a
picture that passes may still turn out undecodable. Bytes after the picture's end are allowed.
"""

from mmap import mmap

from veilgate.domain.pictures import PictureHeader, PictureLimits
from veilgate.domain.rejections import EmptyFile, NotAnImage, TruncatedImage
from veilgate.imaging.formats import inspector_of, names_taken

_HEAD_BYTES = 1024
# What files of the formats that are taken begin with; the shortest that could be told apart has 12 bytes.
_MAGICS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8", b"II*\0", b"MM\0*")
_TELLING_BYTES = 12


def inspect_picture(data: bytes | memoryview | mmap, limits: PictureLimits) -> PictureHeader:
    """Read and check a whole picture file.

    The size is read from the header and held to `limits` before anything else is looked at. Raises an
    `InputRejected` leaf: EmptyFile, NotAnImage, UnsupportedFormat, FormatNotEnabled, TooManyPixels,
    BadDimensions, UnsupportedMode, TruncatedImage or DamagedImage.
    """
    with memoryview(data) as view:
        if not view.nbytes:
            raise EmptyFile
        head = bytes(view[:_HEAD_BYTES])
        inspect = inspector_of(head)
        if inspect is not None:
            return inspect(view, limits)
    if len(head) < _TELLING_BYTES and any(_agree(head, magic) for magic in _MAGICS):
        raise TruncatedImage("The file ends within its first bytes.")
    raise NotAnImage(f"The file is not a {names_taken()} picture.")


def _agree(head: bytes, magic: bytes) -> bool:
    """Whether one of them is how the other begins."""
    return head.startswith(magic) or magic.startswith(head)
