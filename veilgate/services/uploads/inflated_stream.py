"""Compressed bytes read forwards only, in bounded pieces: what comes out is counted before it is used."""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

from veilgate.domain.rejections import BadArchive
from veilgate.services.uploads.archive_entry import InflationBudget, reading

_INPUT_BYTES = 16 * 1024
# `xz -9` needs 65 MiB to be read; a header may ask for 4 GiB.
_XZ_MEMORY_BYTES = 66 << 20


class Decompressor(Protocol):
    """As those of bz2 and lzma are."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzip:
    """zlib's decompressor, behaving as the others do."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def gunzip() -> Decompressor:
    return _Gunzip()


def bunzip2() -> Decompressor:
    return bz2.BZ2Decompressor()


def unxz() -> Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)


class InflatedStream:
    """What a compressed file holds, also when it is several compressed files one after the other."""

    def __init__(
        self, file: BinaryIO, new_decompressor: Callable[[], Decompressor], budget: InflationBudget
    ) -> None:
        self._file = file
        self._new_decompressor = new_decompressor
        self._inner = new_decompressor()
        self._budget = budget

    def read(self, size: int) -> bytes:
        """So many bytes, and fewer only at the end. Raises `BadArchive`."""
        pieces = []
        while size and (piece := self._some(size)):
            self._budget.spend(len(piece))
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _some(self, most: int) -> bytes:
        while True:
            data = b""
            if self._inner.eof:
                data = self._inner.unused_data or self._file.read(_INPUT_BYTES)
                if not data:
                    return b""
                self._inner = self._new_decompressor()
            elif self._inner.needs_input:
                data = self._file.read(_INPUT_BYTES)
            was_fed = bool(data) or not self._inner.needs_input
            with reading("archive"):
                inflated = self._inner.decompress(data, most)
            if inflated:
                return inflated
            if not was_fed and not self._inner.eof:
                raise BadArchive("The archive ends too early.")
