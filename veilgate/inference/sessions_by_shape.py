"""Graphs compiled for the very shapes that come."""

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from veilgate.inference.ports import Session


class SessionsByShape:
    """One session for each shape of a batch, opened when the first of that shape comes and kept. For models
    that see few shapes. `run` may be called from any thread."""

    def __init__(self, open_session: Callable[[tuple[int, ...]], Session]) -> None:
        self._open = open_session
        self._lock = threading.Lock()
        self._sessions: dict[tuple[int, ...], Session] = {}

    def run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return self._session(batch.shape).run(batch)

    def _session(self, shape: tuple[int, ...]) -> Session:
        with self._lock:
            if shape not in self._sessions:
                self._sessions[shape] = self._open(shape)
            return self._sessions[shape]
