"""Counting the scans of a JPEG: each one goes over the picture again, whatever it changes of it."""

import re

from veilgate.domain.rejections import DamagedImage

# In entropy-coded data a 0xFF is followed by a zero or is a restart marker.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_END_OF_IMAGE, _SCAN = 0xD9, 0xDA
# Writers make 10 scans, or 13 at most.
_MAX_SCANS = 200
_MAX_PIXELS_SCANNED = 1_000_000_000
# Tables and comments beside the scans.
_MAX_SEGMENTS = 4096


def require_few_scans(view: memoryview, position: int, *, pixels: int) -> None:
    """Refuse a file that goes over its pixels again and again; `position` is after its first scan header.

    Raises DamagedImage.
    """
    scans = 1
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(view, position)
        if found is None or found[0][1] == _END_OF_IMAGE:
            return
        scans += found[0][1] == _SCAN
        if scans > _MAX_SCANS or scans * pixels > _MAX_PIXELS_SCANNED:
            raise DamagedImage("The JPEG has too many scans.")
        position = found.end() + max(2, int.from_bytes(view[found.end() : found.end() + 2], "big"))
    raise DamagedImage("The JPEG has too many segments.")
