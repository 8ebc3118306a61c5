"""What is taken and what is refused: one table, which sniffing asks and docs/formats.md shows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from veilgate.domain.pictures import PictureFormat, PictureHeader, PictureLimits
from veilgate.domain.rejections import FormatNotEnabled, UnsupportedFormat
from veilgate.imaging.bmp_structure import inspect_bmp
from veilgate.imaging.format_marks import (
    Mark,
    begins,
    both,
    holds,
    is_avif,
    is_bmp,
    is_heic,
    is_netpbm,
    is_svg,
)
from veilgate.imaging.gif_structure import inspect_gif
from veilgate.imaging.isobmff_structure import inspect_avif, inspect_heic
from veilgate.imaging.jpeg_structure import inspect_jpeg
from veilgate.imaging.png_structure import inspect_png
from veilgate.imaging.tiff_structure import inspect_tiff
from veilgate.imaging.webp_structure import inspect_webp

Inspector = Callable[[memoryview, PictureLimits], PictureHeader]
HEIF_PACKAGE = "pillow_heif"


@dataclass(frozen=True, slots=True)
class Taken:
    """A format whose pictures are processed; `of_several` names the one that a file of several gives."""

    format: PictureFormat
    name: str
    mark: Mark
    inspect: Inspector
    of_several: str = ""
    needs_package: str = ""

    @property
    def is_enabled(self) -> bool:
        return not self.needs_package or is_installed(self.needs_package)


@dataclass(frozen=True, slots=True)
class Refused:
    """A format that is known, so that its refusal can name it."""

    name: str
    mark: Mark


@cache
def is_installed(package: str) -> bool:
    """Whether it could be imported, without importing it: it would load a codec."""
    return find_spec(package) is not None


TAKEN: tuple[Taken, ...] = (
    Taken(PictureFormat.JPEG, "JPEG", begins(b"\xff\xd8\xff"), inspect_jpeg, "first picture (MPO)"),
    Taken(PictureFormat.PNG, "PNG", begins(b"\x89PNG"), inspect_png, "default picture (APNG)"),
    Taken(
        PictureFormat.WEBP, "WebP", both(begins(b"RIFF"), holds(b"WEBP", at=8)), inspect_webp, "first frame"
    ),
    Taken(PictureFormat.GIF, "GIF", begins(b"GIF8"), inspect_gif, "first frame"),
    Taken(PictureFormat.TIFF, "TIFF", begins(b"II*\0", b"MM\0*"), inspect_tiff, "first page"),
    Taken(PictureFormat.BMP, "BMP", is_bmp, inspect_bmp),
    Taken(PictureFormat.AVIF, "AVIF", is_avif, inspect_avif, "main picture", HEIF_PACKAGE),
    Taken(PictureFormat.HEIC, "HEIC", is_heic, inspect_heic, "main picture", HEIF_PACKAGE),
)
REFUSED: tuple[Refused, ...] = (
    Refused("BigTIFF", begins(b"II+\0", b"MM\0+")),
    Refused("SVG", is_svg),
    Refused("PDF", begins(b"%PDF")),
    Refused("PostScript", begins(b"%!PS", b"\xc5\xd0\xd3\xc6")),
    Refused("Photoshop", begins(b"8BPS")),
    Refused("GIMP", begins(b"gimp xcf")),
    Refused("ICO", begins(b"\0\0\1\0")),
    Refused("ICNS", begins(b"icns")),
    Refused("JPEG XL", begins(b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")),
    Refused("JPEG 2000", begins(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")),
    Refused("JPEG XR", begins(b"II\xbc\1")),
    Refused("MNG or JNG", begins(b"\x8aMNG", b"\x8bJNG")),
    Refused("Netpbm", is_netpbm),
    Refused("PCX", begins(b"\x0a\2\1", b"\x0a\3\1", b"\x0a\5\1")),
    Refused("SGI", begins(b"\x01\xda\0", b"\x01\xda\1")),
    Refused("Windows metafile", begins(b"\xd7\xcd\xc6\x9a")),
    Refused("Enhanced metafile", holds(b" EMF", at=40)),
    Refused("FITS", begins(b"SIMPLE  =")),
    Refused("DICOM", holds(b"DICM", at=128)),
    Refused("QOI", begins(b"qoif")),
    Refused("DDS", begins(b"DDS ")),
    Refused("OpenEXR", begins(b"\x76\x2f\x31\x01")),
    Refused("Radiance", begins(b"#?RADIANCE", b"#?RGBE")),
    Refused("DjVu", begins(b"AT&TFORM")),
    Refused("ZIP", begins(b"PK\3\4", b"PK\5\6")),
    Refused("gzip", begins(b"\x1f\x8b\x08")),
    Refused("bzip2", begins(b"BZh")),
    Refused("xz", begins(b"\xfd7zXZ\0")),
    Refused("7z", begins(b"7z\xbc\xaf\x27\x1c")),
    Refused("RAR", begins(b"Rar!\x1a\7")),
    Refused("tar", holds(b"ustar", at=257)),
    Refused("Canon raw", holds(b"ftypcrx", at=4)),
    Refused("Video", holds(b"ftyp", at=4)),
)


def names_taken() -> str:
    """The names of the formats that are taken here, as a sentence lists them."""
    *names, last = (row.name for row in TAKEN if row.is_enabled)
    return f"{', '.join(names)} or {last}"


def inspector_of(head: bytes) -> Inspector | None:
    """What reads a file that begins with `head`; None for what is no known format.

    Raises UnsupportedFormat or FormatNotEnabled.
    """
    for taken in TAKEN:
        if taken.mark(head):
            if taken.is_enabled:
                return taken.inspect
            raise FormatNotEnabled(f"{taken.name} files are not enabled here; send {names_taken()}.")
    for refused in REFUSED:
        if refused.mark(head):
            raise UnsupportedFormat(f"{refused.name} files are not taken; send {names_taken()}.")
    return None
