"""How an embedder's network wants its pictures, and which files it has beside the first."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

Levels = tuple[float, float, float]

# Of ImageNet, as most networks for pictures are trained with: RGB, in parts of 255.
IMAGENET_MEAN: Levels = (0.485, 0.456, 0.406)
IMAGENET_STD: Levels = (0.229, 0.224, 0.225)


class Fit(StrEnum):
    """How a picture of any shape becomes a square."""

    SQUEEZE = "squeeze"  # the whole of it, out of proportion
    CROP = "crop"  # its middle
    PAD = "pad"  # the whole of it, in proportion, with the mean colour beside it


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file beside the first, with its sha256."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """`input_size_px` is for a graph that takes any size. `network` is torchvision's name of the network that
    a .pth file holds weights for. `text` is a graph that embeds texts, whose words `tokenizer` numbers."""

    mean: Levels = IMAGENET_MEAN
    std: Levels = IMAGENET_STD
    fit: Fit = Fit.SQUEEZE
    input_size_px: int = 224
    network: str = ""
    text: NamedFile | None = None
    tokenizer: NamedFile | None = None
