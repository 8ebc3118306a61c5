"""Images that fail when they are embedded anew, for another reason than that there is no picture."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veilgate.inference.ports import Embedder
from veilgate.stages.embed_picture import EmbeddedPicture, Purpose, embed_views, failures_counted
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
# A file that could not be read twice may be read the third time.
_LOOKS = 3
_GREY = np.full((64, 64, 3), 128, np.uint8)


class EmbeddingTrouble:
    """Counts in how many looks an image has failed; a process that is started anew begins at none."""

    def __init__(self) -> None:
        self._looks: dict[tuple[str, str], int] = {}

    def is_given_up(self, image_id: str, model_id: str, error: Exception) -> bool:
        """Note that it failed in this look; whether that was once too often."""
        looks = self._looks.pop((model_id, image_id), 0) + 1
        _log.warning("reembedding.image_failed", image_id=image_id, looks=looks, exc_info=error)
        if looks < _LOOKS:
            self._looks[model_id, image_id] = looks
        return looks >= _LOOKS

    def is_over(self, image_id: str, model_id: str) -> None:
        self._looks.pop((model_id, image_id), None)


def embed_each(embedder: Embedder, views: Sequence[NDArray[np.uint8]]) -> list[EmbeddedPicture | Exception]:
    """What the model makes of each view, or raises of it. Raises what it raises of any picture whatever."""
    try:
        return [*embed_views(embedder, views)]
    except Exception:  # noqa: BLE001 - one of them, or all: that is what is found out now
        embedder.embed([_GREY])
    return [_embed_one(embedder, view) for view in views]


def _embed_one(embedder: Embedder, view: NDArray[np.uint8]) -> EmbeddedPicture | Exception:
    try:
        with failures_counted(Purpose.IMAGE):
            [made] = embed_views(embedder, [view])
    except Exception as error:  # noqa: BLE001 - whatever a model raises is of this view
        return error
    return made
