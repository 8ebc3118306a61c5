"""How faces are made unrecognisable: the policy a caller may tune, with its bounds."""

from dataclasses import dataclass
from enum import StrEnum


class BlurStyle(StrEnum):
    MOSAIC = "mosaic"


class MaskShape(StrEnum):
    ELLIPSE = "ellipse"
    BOX = "box"


DEFAULT_MASK_SCALE = 1.1
MASK_SCALE_RANGE = (1.0, 3.0)
FACE_THRESHOLD_RANGE = (0.02, 0.95)


@dataclass(frozen=True, slots=True)
class RedactionPolicy:
    """What to veil and how.

    A detected box is widened by `mask_scale` about its centre and rounded outward (the *padded box*). The
    mask is that box, or the ellipse drawn around it: either way every pixel of the padded box is veiled.
    A mosaic keeps at most `mosaic_tiles` tiles along the longer side of a face: few enough that nothing
    of the person is left.
    """

    style: BlurStyle = BlurStyle.MOSAIC
    shape: MaskShape = MaskShape.ELLIPSE
    mask_scale: float = DEFAULT_MASK_SCALE
    face_threshold: float | None = None
    mosaic_tiles: int = 6
