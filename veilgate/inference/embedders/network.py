"""An embedder that is a network: whatever its graph answers with is the vector."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veilgate.inference.embedders.network_input import network_input, unit_rows
from veilgate.inference.embedding_spec import EmbeddingSpec
from veilgate.inference.ports import Session

# What a network is tried with. Small, and not of one colour, in which some see nothing at all.
_TRIAL_VIEW = np.arange(32 * 32 * 3, dtype=np.uint32).reshape(32, 32, 3).astype(np.uint8)
# A vector of four bytes a number has to fit in its column.
_DIMENSIONS = (8, 16_000)


class NotAnEmbedder(ValueError):
    """The text says why, to follow the name of the file."""


class NetworkEmbedder:
    """One picture a run: see the measurements in openvino_runtime.py."""

    def __init__(
        self,
        session: Session,
        *,
        model_id: str,
        near_duplicate_score: float,
        size_wh: tuple[int, int],
        spec: EmbeddingSpec,
    ) -> None:
        """Raises `NotAnEmbedder` for a graph that does not answer with one vector a picture."""
        self.model_id = model_id
        self.near_duplicate_score = near_duplicate_score
        self._session = session
        self._size_wh = size_wh
        self._spec = spec
        self._answer = vector_among(self._answers(_TRIAL_VIEW))
        self.dimensions = int(self._answers(_TRIAL_VIEW)[self._answer].size)

    def embed(self, views: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        rows = [self._answers(view)[self._answer].ravel() for view in views]
        return unit_rows(np.asarray(rows, np.float32).reshape(-1, self.dimensions))

    def _answers(self, view: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        return self._session.run(network_input(view, self._size_wh, self._spec))


def vector_among(answers: Sequence[NDArray[np.float32]]) -> int:
    """Which of a graph's answers to one input is a vector. Raises `NotAnEmbedder`."""
    for position, answer in enumerate(answers):
        if answer.ndim >= 2 and _DIMENSIONS[0] <= answer.size == max(answer.shape) <= _DIMENSIONS[1]:
            if not np.isfinite(answer).all():
                raise NotAnEmbedder("answers with numbers that are not finite")
            return position
    shapes = ", ".join(str(answer.shape) for answer in answers)
    raise NotAnEmbedder(f"answers with {shapes}; a vector of {_DIMENSIONS[0]} to {_DIMENSIONS[1]} is needed")
