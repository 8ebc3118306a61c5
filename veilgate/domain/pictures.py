"""Facts about a picture file that can be known without decoding it, and the limits it is held to."""

from dataclasses import dataclass
from enum import StrEnum


class PictureFormat(StrEnum):
    """What files come in; results go out in the three that `served_as` names."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    TIFF = "tiff"
    BMP = "bmp"
    HEIC = "heic"
    AVIF = "avif"

    @property
    def media_type(self) -> str:
        return f"image/{self.value}"

    @property
    def suffix(self) -> str:
        return "jpg" if self is PictureFormat.JPEG else self.value

    @property
    def served_as(self) -> "PictureFormat":
        """The format of the copies: known from the file's own, because rows remember only that one."""
        match self:
            case PictureFormat.GIF | PictureFormat.TIFF | PictureFormat.BMP:
                return PictureFormat.PNG
            case PictureFormat.HEIC:
                return PictureFormat.JPEG
            case PictureFormat.AVIF:
                return PictureFormat.WEBP
            case _:
                return self


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """What a file's first bytes say of it. Sizes are as stored, before EXIF orientation is applied."""

    format: PictureFormat
    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """How large, small and elongated a picture may be."""

    max_pixels: int = 40_000_000
    max_side: int = 20_000
    min_side: int = 8
    max_aspect: float = 50.0
