"""Boxes of the ISO base media file format (ISO/IEC 14496-12), which HEIC and AVIF files are made of."""

from collections.abc import Iterator
from dataclasses import dataclass

from veilgate.domain.rejections import DamagedImage, TruncatedImage

_HEAD_BYTES = 8
_LONG_HEAD_BYTES = 16
# The photos of telephones have 10 at most beside one another.
_MAX_BOXES = 4096


@dataclass(frozen=True, slots=True)
class Box:
    kind: bytes
    start: int
    end: int


def boxes_in(view: memoryview, start: int, end: int) -> Iterator[Box]:
    """The boxes between two places, one after another.

    Raises TruncatedImage for one that reaches beyond the file, DamagedImage for one beyond its parent.
    """
    for _ in range(_MAX_BOXES):
        if start + _HEAD_BYTES > end:
            return
        length, kind = int.from_bytes(view[start : start + 4], "big"), bytes(view[start + 4 : start + 8])
        content = start + _HEAD_BYTES
        if length == 1:
            content = start + _LONG_HEAD_BYTES
            length = int.from_bytes(view[start + 8 : min(content, end)], "big")
        # A length of zero is said of the last box, which ends with the file.
        box_end = end if length == 0 else start + length
        if box_end > view.nbytes:
            raise TruncatedImage("The picture ends within one of its boxes.")
        if box_end > end or box_end < content:
            raise DamagedImage("The picture's boxes are damaged.")
        yield Box(kind, content, box_end)
        start = box_end
    raise DamagedImage("The picture has too many boxes.")


class BoxReader:
    """Reads the fields of a box that begins with a version and flags, from the front."""

    def __init__(self, view: memoryview, box: Box) -> None:
        self._view = view
        self._at = box.start
        self._end = box.end
        self.version = self.number(1)
        self.flags = self.number(3)

    def number(self, size_bytes: int) -> int:
        """The next number, big-endian; one of no bytes is 0."""
        return int.from_bytes(self.take(size_bytes), "big")

    def take(self, size_bytes: int) -> bytes:
        start = self._at
        self._at = start + size_bytes
        if self._at > self._end:
            raise DamagedImage("One of the picture's boxes is too short.")
        return bytes(self._view[start : self._at])

    @property
    def position(self) -> int:
        return self._at
