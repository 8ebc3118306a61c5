"""The place of a model that may come later."""

import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

from veilgate.domain.errors import ModelMissing, VeilgateError
from veilgate.inference.fetch import ModelFetcher
from veilgate.inference.model_files import locate
from veilgate.inference.model_spec import Download, ModelSpec
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
T = TypeVar("T")


class SlotState(StrEnum):
    READY = "ready"
    MISSING = "missing"  # not here yet; may still come
    FAILED = "failed"  # it is here and does not work


class ModelSlot(Generic[T]):
    """Safe to use from several threads."""

    def __init__(self, model_id: str, sha256: str | None) -> None:
        self._id = model_id
        self._sha256 = sha256
        self._lock = threading.Lock()
        self._model: T | None = None
        self._state = SlotState.MISSING
        self._reason: str | None = "not loaded yet"

    def get(self) -> T | None:
        with self._lock:
            return self._model

    def state(self) -> dict[str, str | None]:
        """For /health: id, state, reason (None when ready), sha256 of the weights (None without any)."""
        with self._lock:
            return {
                "id": self._id,
                "state": self._state.value,
                "reason": self._reason,
                "sha256": self._sha256,
            }

    def fill(self, load: Callable[[], T]) -> None:
        """Load, and offer what was loaded; an error becomes the slot's state instead of travelling on."""
        try:
            model = load()
        except ModelMissing as error:
            self.miss(error.message)
        except VeilgateError as error:
            self.fail(error.message)
        except Exception as error:  # noqa: BLE001 - whatever a runtime raises, the house goes on without it
            self.fail(f"{type(error).__name__}: {error}")
        else:
            self._become(SlotState.READY, None, model)

    def fail(self, reason: str) -> None:
        """Note, and say, that it will not do as it is."""
        _log.warning("model.not_usable", model=self._id, reason=reason)
        self._become(SlotState.FAILED, reason, None)

    def miss(self, reason: str) -> None:
        """Note why it is still not here."""
        self._become(SlotState.MISSING, reason, None)

    def say_if_missing(self) -> None:
        """To whoever reads the log: nobody will fetch it."""
        with self._lock:
            state, reason = self._state, self._reason
        if state is SlotState.MISSING:
            _log.warning("model.missing", model=self._id, reason=reason)

    def _become(self, state: SlotState, reason: str | None, model: T | None) -> None:
        with self._lock:
            self._state, self._reason, self._model = state, reason, model


def open_slot(
    spec: ModelSpec, *, folder: Path, load: Callable[[Path | None], T], fetch: bool
) -> tuple[ModelSlot[T], ModelFetcher | None]:
    """A slot for a model that may be absent, filled by `load` if its file is there.

    Otherwise, and if `fetch` allows it, with a fetcher (not started) that fills it later.
    """
    slot: ModelSlot[T] = ModelSlot(spec.id, spec.sha256)
    slot.fill(lambda: load(locate(spec, folder=folder)))
    if slot.get() is not None:
        return slot, None
    if not fetch or not isinstance(spec.source, Download):
        slot.say_if_missing()
        return slot, None
    fetcher = ModelFetcher(
        spec,
        folder,
        on_ready=lambda path: slot.fill(lambda: load(path)),
        on_failure=slot.miss,
    )
    return slot, fetcher
