"""A session for each shape: opened once, whoever asks first, and asked for its own shape alone."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from veilgate.inference.sessions_by_shape import SessionsByShape


class OneShape:
    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape

    def run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        assert batch.shape == self._shape
        return [batch + 1]


def test_each_shape_is_opened_once_by_however_many_threads() -> None:
    opened: list[tuple[int, ...]] = []
    together = threading.Barrier(4)

    def open_one(shape: tuple[int, ...]) -> OneShape:
        opened.append(shape)
        time.sleep(0.02)  # as long as compiling takes at the least: time for the others to come
        return OneShape(shape)

    sessions = SessionsByShape(open_one)

    def ask(side: int) -> float:
        together.wait(10)
        (answer,) = sessions.run(np.full((1, 3, side, 32), side, np.float32))
        return float(answer.max())

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, [32, 64, 32, 64] * 3)) == [33, 65, 33, 65] * 3
    assert sorted(opened) == [(1, 3, 32, 32), (1, 3, 64, 32)]


def test_what_could_not_be_opened_is_tried_again() -> None:
    tries: list[tuple[int, ...]] = []

    def open_one(shape: tuple[int, ...]) -> OneShape:
        tries.append(shape)
        if len(tries) == 1:
            raise RuntimeError("no memory")
        return OneShape(shape)

    sessions, batch = SessionsByShape(open_one), np.zeros((1, 3, 32, 32), np.float32)
    with pytest.raises(RuntimeError, match="no memory"):
        sessions.run(batch)
    assert len(sessions.run(batch)) == 1
