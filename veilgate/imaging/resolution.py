"""How large a picture is meant to be printed: dots per inch, across and down."""

import math
import struct

from PIL import ExifTags, Image

Dpi = tuple[float, float]

# Below is no printer, above no scanner; PNG and EXIF could otherwise carry any number as a hidden mark.
_SANE_DPI = (10, 9600)
_CM_AN_INCH = 2.54
_JFIF_DPI_OF_UNIT = {1: 1.0, 2: _CM_AN_INCH}
_EXIF_DPI_OF_UNIT = {2: 1.0, 3: _CM_AN_INCH}
_BROKEN_EXIF = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, struct.error)


def resolution_of(image: Image.Image) -> Dpi | None:
    """What an opened picture says, as stored (before it is turned upright); None if nothing sane."""
    return _stated_in_jfif(image) if image.format == "JPEG" else sane_dpi(image.info.get("dpi"))


def sane_dpi(value: object) -> Dpi | None:
    """Two whole numbers of dots per inch; None for whatever does not look like them."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        return None
    try:
        across, down = (float(side) for side in value)
    except _BROKEN_EXIF:
        return None
    low, high = _SANE_DPI
    if not all(math.isfinite(side) and low <= side <= high for side in (across, down)):
        return None
    return float(round(across)), float(round(down))


def _stated_in_jfif(image: Image.Image) -> Dpi | None:
    """The density in the JFIF header, else in EXIF: Pillow's own `dpi` says 72 where nothing does."""
    factor = _JFIF_DPI_OF_UNIT.get(image.info.get("jfif_unit", 0))
    if factor is None:
        return _stated_in_exif(image)
    return sane_dpi([side * factor for side in image.info["jfif_density"]])


def _stated_in_exif(image: Image.Image) -> Dpi | None:
    try:
        exif = image.getexif()
        factor = _EXIF_DPI_OF_UNIT[exif.get(ExifTags.Base.ResolutionUnit, 2)]
        tags = (ExifTags.Base.XResolution, ExifTags.Base.YResolution)
        return sane_dpi([float(exif[tag]) * factor for tag in tags])
    except _BROKEN_EXIF:
        return None
