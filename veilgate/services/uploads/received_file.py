"""A received file as acceptance sees it: in memory while it is small, in the spool when it is not."""

import hashlib
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from mmap import mmap
from types import TracebackType
from typing import Protocol

from veilgate.storage.ports import ObjectStore


class ReceivedFile(Protocol):
    """Complete; leaving its block discards it, unless it was stored. Everything here may block."""

    @property
    def size(self) -> int: ...

    @property
    def sha256(self) -> str: ...

    def content(self) -> AbstractContextManager[bytes | mmap]:
        """All bytes, to be looked at within the block. There is at least one."""
        ...

    def store_in(self, store: ObjectStore, key: str, *, media_type: str) -> None: ...

    def __enter__(self) -> "ReceivedFile": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class HeldFile:
    """A small file, in memory: it meets a disk once, in the object store."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self._data).hexdigest()

    def content(self) -> AbstractContextManager[bytes]:
        return nullcontext(self._data)

    def store_in(self, store: ObjectStore, key: str, *, media_type: str) -> None:
        store.put(key, self._data, media_type=media_type)

    def __enter__(self) -> "HeldFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is anywhere that would have to be removed."""
