"""Compressed texts and profiles in a PNG: refused when they inflate to more than anybody needs."""

import zlib

from veilgate.domain.rejections import DamagedImage

# The largest profiles of printers have 3 MB. All that a file holds of both kinds, inflated in 15 ms.
MAX_INFLATED_BYTES = 4 << 20
_TEXT, _INTERNATIONAL_TEXT, _PROFILE = b"zTXt", b"iTXt", b"iCCP"
COMPRESSED_KINDS = frozenset({_TEXT, _INTERNATIONAL_TEXT, _PROFILE})


class TextAllowance:
    """How much the texts and profiles of one file may still inflate to."""

    def __init__(self) -> None:
        self._left_bytes = MAX_INFLATED_BYTES

    def spend(self, kind: bytes, data: bytes) -> None:
        """Inflate a chunk and forget it. Raises DamagedImage beyond the allowance.

        What is no compressed data is not complained about: decoders skip it.
        """
        try:
            inflated = zlib.decompressobj().decompress(_compressed_part(kind, data), self._left_bytes + 1)
        except zlib.error:
            return
        self._left_bytes -= len(inflated)
        if self._left_bytes < 0:
            raise DamagedImage("The PNG's texts or profile inflate to too much.")


def _compressed_part(kind: bytes, data: bytes) -> bytes:
    """What follows the keyword, which ends with a zero, and the method."""
    rest = data.partition(b"\0")[2]
    if kind != _INTERNATIONAL_TEXT:
        return rest[1:]
    is_compressed = rest[:1] == b"\1"
    return rest[2:].split(b"\0", 2)[-1] if is_compressed else b""
