"""Holding a picture's size to the limits."""

from veilgate.domain.pictures import PictureHeader, PictureLimits
from veilgate.domain.rejections import BadDimensions, DamagedImage, TooManyPixels


def check_limits(header: PictureHeader, limits: PictureLimits) -> PictureHeader:
    """Return the header if its size is allowed; raise DamagedImage, TooManyPixels or BadDimensions if not."""
    width, height = header.width, header.height
    shorter, longer = sorted((width, height))
    if shorter == 0:
        raise DamagedImage("The picture's header gives it no width or no height.")
    if header.pixels > limits.max_pixels:
        raise TooManyPixels(
            f"The picture has {width} × {height} pixels, which is more than {limits.max_pixels} in all."
        )
    if longer > limits.max_side:
        raise BadDimensions(
            f"The picture's longer side is {longer} pixels; at most {limits.max_side} are taken."
        )
    if shorter < limits.min_side:
        raise BadDimensions(
            f"The picture's shorter side is {shorter} pixels; at least {limits.min_side} are needed."
        )
    if longer > limits.max_aspect * shorter:
        raise BadDimensions(
            f"The picture is {width} × {height} pixels, more elongated than {limits.max_aspect:g} to 1."
        )
    return header
