"""The embedders of the models that an index answers with: opened when they are needed, tried again later."""

import threading
import time
from collections.abc import Callable

from veilgate.domain.errors import VeilgateError
from veilgate.inference.ports import Embedder
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
# A model that is missing may be fetched meanwhile.
_AGAIN_AFTER_S = 30.0


class Embedders:
    """`open_one` opens the embedder of a model id, or the wanted one where None is given; it raises what
    `VeilgateError` it cannot. Safe to call from several threads."""

    def __init__(self, open_one: Callable[[str | None], Embedder]) -> None:
        self._open = open_one
        self._turn = threading.Lock()
        self._opened: dict[str, Embedder] = {}
        self._wanted: Embedder | None = None
        self._again_s: dict[str | None, float] = {}

    def wanted(self) -> Embedder | None:
        """The one that the settings name; None while it cannot be opened."""
        with self._turn:
            if self._wanted is None:
                self._wanted = self._try(None)
            return self._wanted

    def of(self, model_id: str) -> Embedder | None:
        """None while there is no such model on this machine."""
        wanted = self.wanted()
        if wanted is not None and wanted.model_id == model_id:
            return wanted
        with self._turn:
            if model_id not in self._opened and (found := self._try(model_id)):
                self._opened[model_id] = found
            return self._opened.get(model_id)

    def near_duplicate_score(self, model_id: str) -> float | None:
        """From which likeness on its images are near-duplicates; None while it is not on this machine."""
        embedder = self.of(model_id)
        return embedder.near_duplicate_score if embedder else None

    def _try(self, model_id: str | None) -> Embedder | None:
        if time.monotonic() < self._again_s.get(model_id, 0.0):
            return None
        try:
            found = self._open(model_id)
        except VeilgateError as error:
            reason = error.message
        else:
            # What a file of that name holds now may be another model.
            if model_id in {None, found.model_id}:
                return found
            reason = f"what is there is {found.model_id}"
        self._again_s[model_id] = time.monotonic() + _AGAIN_AFTER_S
        _log.warning("embedder.not_usable", model=model_id, reason=reason)
        return None
