"""Bodies that come compressed, inflated as far as their limit and no byte further."""

import zlib

from veilgate.domain.rejections import FetchFailed, FileTooLarge

_GZIP = zlib.MAX_WBITS | 16
_AS_IT_IS = frozenset({"", "identity"})
_GZIPPED = frozenset({"gzip", "x-gzip"})


class Inflation:
    """Takes what came, in order, and gives what was meant. Each method raises `FetchFailed` for what was not
    asked for or is damaged, and `add` raises `FileTooLarge` before more than `max_bytes` are held."""

    def __init__(self, coding: str, max_bytes: int) -> None:
        if coding not in _AS_IT_IS | _GZIPPED:
            raise FetchFailed("The server compresses in another way than it was asked to.")
        self._gzip = zlib.decompressobj(_GZIP) if coding in _GZIPPED else None
        self._max_bytes = max_bytes
        self._inflated = bytearray()

    def add(self, chunk: bytes) -> None:
        # One byte more than there is room for tells that there is more.
        room = self._max_bytes - len(self._inflated) + 1
        self._inflated += chunk[:room] if self._gzip is None else self._inflate(self._gzip, chunk, room)
        if len(self._inflated) > self._max_bytes:
            raise FileTooLarge(f"A page may have at most {self._max_bytes} bytes.")

    def result(self) -> bytes:
        if self._gzip is not None and not self._gzip.eof:
            raise FetchFailed("The server's answer ends too early.")
        return bytes(self._inflated)

    def _inflate(self, gzip: "zlib._Decompress", chunk: bytes, room: int) -> bytes:
        try:
            return gzip.decompress(chunk, room)
        except zlib.error as error:
            raise FetchFailed("The server's answer is damaged.") from error
