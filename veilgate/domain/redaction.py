"""How things are made unrecognisable: the policy a caller may tune, with its bounds."""

from dataclasses import dataclass
from enum import StrEnum


class BlurStyle(StrEnum):
    MOSAIC = "mosaic"
    GAUSSIAN = "gaussian"
    SOLID = "solid"


class MaskShape(StrEnum):
    ELLIPSE = "ellipse"
    BOX = "box"


class MetadataPolicy(StrEnum):
    """What copies carry beside pixels. `SAFE` keeps the print resolution and says that colours are sRGB:
    nothing that tells who, where, when or with what."""

    STRIP = "strip"
    SAFE = "safe"


DEFAULT_MASK_SCALE = 1.1
MASK_SCALE_RANGE = (1.0, 3.0)
THRESHOLD_RANGE = (0.02, 0.95)
LARGEST_REGION_COUNT = 100


@dataclass(frozen=True, slots=True)
class RedactionPolicy:
    """What a veil looks like.

    A box is widened by `mask_scale` about its centre and rounded outward (the *padded box*). The mask is
    that box, or the ellipse drawn around it: either way every pixel of the padded box is veiled. A mosaic
    keeps at most `mosaic_tiles` tiles along the longer side of a face, and a Gaussian veil no more detail
    than that: few enough that nothing of the person is left.
    """

    style: BlurStyle = BlurStyle.MOSAIC
    shape: MaskShape = MaskShape.ELLIPSE
    mask_scale: float = DEFAULT_MASK_SCALE
    mosaic_tiles: int = 6
