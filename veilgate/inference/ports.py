"""What the house asks of a model."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Detection

# More boxes than any picture holds faces; keeps one noisy picture from filling the database.
MAX_DETECTIONS = 3000


class Session(Protocol):
    """A graph that can be run. Safe to call from several threads."""

    def run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The graph's outputs, in its own order, for one input tensor (N, 3, height, width)."""
        ...


class Detector(Protocol):
    """Finds things in pictures. Safe to call from several threads."""

    @property
    def model_id(self) -> str: ...

    @property
    def default_threshold(self) -> float: ...

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) at which the model sees such a picture; equal sizes may share a device run."""
        ...

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], thresholds: Sequence[float]
    ) -> list[list[Detection]]:
        """For each RGB picture (height, width, 3) what scores above its threshold.

        Boxes are in pixels of the picture as given, clipped to it, best first, at most `MAX_DETECTIONS`.
        """
        ...


class Embedder(Protocol):
    """Turns pictures into vectors that lie the closer the liker the pictures are. Safe to call from several
    threads. `model_id` changes with everything that changes vectors: vectors of two ids are never compared.
    """

    @property
    def model_id(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def near_duplicate_score(self) -> float:
        """The cosine from which two pictures are taken for versions of one."""
        ...

    def embed(self, views: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """For each RGB view (height, width, 3; see imaging/likeness.py) a row of length one."""
        ...


@runtime_checkable
class TextEmbedder(Embedder, Protocol):
    """An embedder that knows words too: texts lie close to the pictures that they describe."""

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]: ...
