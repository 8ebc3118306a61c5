"""By which bytes at its beginning a file is known; each takes up to 1 KB of it."""

import re
from collections.abc import Callable

from veilgate.imaging.bmp_structure import HEADER_BYTES

Mark = Callable[[bytes], bool]

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_NETPBM = re.compile(rb"P[1-7]\s+[#\dW]")
# Both share a container whose first brand may name only that.
_SHARED_BRANDS = (b"mif1", b"msf1")


def begins(*magics: bytes) -> Mark:
    return lambda head: head.startswith(magics)


def holds(magic: bytes, *, at: int) -> Mark:
    return lambda head: head.startswith(magic, at)


def both(first: Mark, second: Mark) -> Mark:
    return lambda head: first(head) and second(head)


def is_bmp(head: bytes) -> bool:
    """By more than its two letters, which any text may begin with."""
    header_bytes = int.from_bytes(head[14:18], "little")
    return head.startswith(b"BM") and (head[6:10] == bytes(4) or header_bytes in HEADER_BYTES)


def is_avif(head: bytes) -> bool:
    brands = _brands(head)
    return bool(brands) and (
        brands[0] in _AVIF_BRANDS
        or (brands[0] in _SHARED_BRANDS and any(brand in _AVIF_BRANDS for brand in brands))
    )


def is_heic(head: bytes) -> bool:
    """To be asked after `is_avif`."""
    brands = _brands(head)
    return bool(brands) and brands[0] in _HEIC_BRANDS


def is_netpbm(head: bytes) -> bool:
    return _NETPBM.match(head) is not None


def is_svg(head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return text.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text


def _brands(head: bytes) -> list[bytes]:
    """What an ISO media file says that it is, the main thing first; nothing for other files."""
    if head[4:8] != b"ftyp":
        return []
    box_bytes = min(int.from_bytes(head[:4], "big"), len(head))
    return [head[8:12], *(head[at : at + 4] for at in range(16, box_bytes, 4))]
