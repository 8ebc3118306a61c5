"""What the detectors have in common whose graphs say themselves which classes they find."""

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Box, Detection
from veilgate.inference.detectors.letterbox import Letterbox
from veilgate.inference.ports import Session

# Boxes (n, 4) in pixels of the input, scores and class indices.
Found = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]


class Geometry(Protocol):
    """How pictures come into the graph."""

    def letterbox(self, picture_wh: tuple[int, int], /) -> Letterbox: ...


GeometryT = TypeVar("GeometryT", bound=Geometry)


class BoxDetector(Generic[GeometryT]):
    """Finds the classes named in `labels` (class index to name). Who inherits it detects."""

    def __init__(
        self,
        session: Session,
        *,
        model_id: str,
        default_threshold: float,
        labels: Mapping[int, str],
        geometry: GeometryT,
    ) -> None:
        self.model_id = model_id
        self.default_threshold = default_threshold
        self._session = session
        self._labels = dict(labels)
        self._geometry = geometry

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes that it finds, in the order of their indices."""
        return tuple(self._labels[index] for index in sorted(self._labels))

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return self._geometry.letterbox((width, height)).input_wh

    def _named(self, found: Found, letterbox: Letterbox) -> list[Detection]:
        """In pixels of the picture; what was found in the padding has nothing left."""
        boxes_xyxy, scores, classes = found
        return [
            Detection(self._labels[int(index)], min(float(score), 1.0), Box(*map(float, box)))
            for box, score, index in zip(letterbox.to_picture(boxes_xyxy), scores, classes, strict=True)
            if box[2] > box[0] and box[3] > box[1]
        ]
