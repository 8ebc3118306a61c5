"""The line before the device: threads that take chunks of alike items, waiting a little for company."""

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Generic, TypeVar

from veilgate.inference.batching import Pending, next_chunk
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ChunkBounds:
    """How large a chunk may be, and how long its oldest item waits for company."""

    max_items: int
    max_pixels: int
    linger_s: float = 0.02


class Departure(StrEnum):
    """Why a chunk did not wait for more: it had as many items or pixels as it may, its time was over, or no
    more could come."""

    FULL = "full"
    PIXELS = "pixels"
    LINGER = "linger"
    ALONE = "alone"


class DeviceLine(Generic[T]):
    """Items with equal keys share a chunk, within the bounds. Nobody waits for company longer than the
    linger, or at all when no more can come."""

    def __init__(
        self,
        execute: Callable[[Sequence[T], Departure], None],
        *,
        bounds: ChunkBounds,
        threads: int,
        more_may_come: Callable[[], bool],
    ) -> None:
        self._execute = execute
        self._bounds = bounds
        self._more_may_come = more_may_come
        self._items: list[T] = []
        self._pending: list[Pending] = []
        self._oldest_s = 0.0
        self._closed = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._loop, name=f"device-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def add(self, item: T, *, key: Hashable, pixels: int) -> None:
        with self._changed:
            if not self._items:
                self._oldest_s = time.monotonic()
            self._items.append(item)
            self._pending.append(Pending(key, pixels))
            self._changed.notify()

    @property
    def max_pixels(self) -> int:
        return self._bounds.max_pixels

    def shrink(self, *, max_pixels: int) -> None:
        """Keep chunks within fewer pixels from now on. One item by itself goes all the same."""
        with self._changed:
            if max_pixels >= self._bounds.max_pixels:
                return
            self._bounds = replace(self._bounds, max_pixels=max_pixels)
        _log.warning("device.smaller_chunks", max_pixels=max_pixels)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _loop(self) -> None:
        while (taken := self._take()) is not None:
            self._execute(*taken)

    def _take(self) -> tuple[list[T], Departure] | None:
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._closed or bool(self._items))
                if self._closed:
                    return None
                chosen = self._next_chunk()
                left_s = self._oldest_s + self._bounds.linger_s - time.monotonic()
                if departure := self._why_now(chosen, left_s):
                    break
                # Another thread may take the items meanwhile, so look at everything anew.
                self._changed.wait(left_s)
            chunk = [self._items[index] for index in chosen]
            for index in sorted(chosen, reverse=True):
                del self._items[index], self._pending[index]
            self._oldest_s = time.monotonic()
            if self._items:
                # Their own wake-up may have gone to the thread that takes this chunk.
                self._changed.notify()
            return chunk, departure

    def _why_now(self, chosen: list[int], left_s: float) -> Departure | None:
        """None where waiting may pay."""
        if len(chosen) == self._bounds.max_items:
            return Departure.FULL
        # One more of the same size would be too much.
        if (len(chosen) + 1) * self._pending[chosen[0]].pixels > self._bounds.max_pixels:
            return Departure.PIXELS
        if left_s <= 0:
            return Departure.LINGER
        return None if self._more_may_come() else Departure.ALONE

    def _next_chunk(self) -> list[int]:
        return next_chunk(self._pending, max_items=self._bounds.max_items, max_pixels=self._bounds.max_pixels)
