"""Opening a file with the one decoder of its format, and no other: Pillow knows 43, some of which start other
programs."""

import io

# TIFF and WebP are known beforehand: to find a decoder that it does not know yet, Pillow would load them all.
from PIL import (
    AvifImagePlugin,
    Image,
    PngImagePlugin,
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from veilgate.domain.errors import UndecodablePicture
from veilgate.domain.pictures import PictureFormat, PictureHeader, PictureLimits
from veilgate.imaging.bmp_table import with_full_table
from veilgate.imaging.picture_limits import check_limits
from veilgate.imaging.png_texts import MAX_INFLATED_BYTES

# `PictureLimits` decides how large a picture may be, from the header, before Pillow sees the file.
Image.MAX_IMAGE_PIXELS = None
# What inspection lets through must not fail here.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = MAX_INFLATED_BYTES
# A child has one core at best, and each thread costs address space, which is limited.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
_PNG_DEPTH_AT = 24
# Of these Pillow returns upright pixels: of TIFF by its tag, of HEIC by its own properties (its EXIF does not
# count). Measured for all eight orientations.
TURNED_BY_DECODER = frozenset({PictureFormat.TIFF, PictureFormat.HEIC})


def open_picture(data: bytes, header: PictureHeader, limits: PictureLimits) -> Image.Image:
    """Open a file that `inspect_picture` said `header` of; its pixels are not decoded yet.

    Raises UndecodablePicture or an InputRejected leaf where the codec sees another size, and whatever else a
    codec may raise.
    """
    if header.format is PictureFormat.HEIC:
        _learn_heif()
    if header.format is PictureFormat.BMP:
        data = with_full_table(data)
    decoder = "HEIF" if header.format is PictureFormat.HEIC else header.format.name
    image = Image.open(io.BytesIO(data), formats=(decoder,))
    if not _is_same_size(image.size, header):
        raise UndecodablePicture("The picture's header contradicts itself.")
    check_limits(PictureHeader(header.format, *image.size), limits)
    if header.format is PictureFormat.PNG:
        _scale_transparent_colour(image, bit_depth=data[_PNG_DEPTH_AT])
    return image


def _learn_heif() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)


def _scale_transparent_colour(image: Image.Image, *, bit_depth: int) -> None:
    """Pillow brings samples to 8 bits, but not the colour that a PNG names as transparent."""
    colour = image.info.get("transparency")
    if image.mode == "RGB" and bit_depth == 16 and colour is not None:
        image.info["transparency"] = tuple(level >> 8 for level in colour)
    elif image.mode == "L" and bit_depth < 8 and colour is not None:
        image.info["transparency"] = colour * 255 // ((1 << bit_depth) - 1)


def _is_same_size(opened: tuple[int, int], header: PictureHeader) -> bool:
    """Codecs read sizes at places of their own; a file that has two would get past the limits."""
    stored = (header.width, header.height)
    if header.format not in TURNED_BY_DECODER:
        return opened == stored
    narrow, wide = sorted(opened)
    stored_narrow, stored_wide = sorted(stored)
    # A HEIC may be cropped for display, be it only to an odd size that its codec does not know.
    if header.format is PictureFormat.HEIC:
        return narrow <= stored_narrow and wide <= stored_wide
    return (narrow, wide) == (stored_narrow, stored_wide)
