"""From whatever a file stores (palette, grey, CMYK, 16 bits, a wide gamut) to 8-bit sRGB and alpha."""

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8] | None]

_SRGB = ImageCms.createProfile("sRGB")
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
# Which profile may describe which pixels: one for other pixels is broken, and ignored.
_SPACE_OF_MODE = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
# Many files embed sRGB itself. Six levels a channel tell it from other spaces by more than rounding.
_SAME_COLOUR = 2


def srgb_transform(image: Image.Image) -> ImageCms.ImageCmsTransform | None:
    """What carries the picture's colours to sRGB; None if it has no usable profile, or one that is sRGB."""
    profile_bytes = image.info.get("icc_profile")
    mode = _opaque_mode(image)
    if not profile_bytes:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(profile_bytes))
        if profile.profile.xcolor_space != _SPACE_OF_MODE[mode]:
            return None
        transform = ImageCms.buildTransform(profile, _SRGB, mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return None if mode == "RGB" and _is_identity(transform) else transform


def to_srgb_planes(image: Image.Image, transform: ImageCms.ImageCmsTransform | None) -> Planes:
    """(H, W, 3) sRGB, and (H, W) alpha where the picture has transparency."""
    opaque, alpha = _split(image)
    if transform is not None:
        # Not in place, so an image is returned.
        opaque = ImageCms.applyTransform(opaque, transform) or opaque
    return np.array(opaque.convert("RGB")), None if alpha is None else np.array(alpha)


def on_white(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What is seen of the pixels on white paper."""
    opacity = cv2.merge((alpha, alpha, alpha))
    return np.asarray(cv2.add(cv2.multiply(pixels, opacity, scale=1 / 255), 255 - opacity), np.uint8)


def _opaque_mode(image: Image.Image) -> str:
    if image.mode == "CMYK":
        return "CMYK"
    return "L" if image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I") else "RGB"


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The picture in its opaque mode, and its alpha if it has any."""
    if image.mode.startswith("I"):
        return _split_sixteen_bit(image)
    mode = _opaque_mode(image)
    if not image.has_transparency_data:
        return image.convert(mode), None
    if "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode in _PREMULTIPLIED:
        image = image.convert(_PREMULTIPLIED[image.mode])
    return image.convert(mode), image.getchannel("A")


def _split_sixteen_bit(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Pillow clips 16-bit grey at 255 where it should divide it."""
    levels = np.asarray(image)
    key = image.info.get("transparency")
    alpha = None if key is None else Image.fromarray(np.where(levels == key, 0, 255).astype(np.uint8))
    return Image.fromarray((levels >> 8).astype(np.uint8)), alpha


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    levels = np.linspace(0, 255, 6).astype(np.uint8)
    probe = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(6, 36, 3)
    carried = ImageCms.applyTransform(Image.fromarray(probe), transform)
    difference = np.abs(np.asarray(carried).astype(np.int16) - probe)
    return int(difference.max()) <= _SAME_COLOUR
