"""What archives are read into: one entry after the other, under limits on what really comes out."""

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from veilgate.domain.rejections import BadArchive

PIECE_BYTES = 1 << 20
# A picture hardly shrinks in an archive. What does, as a flat bitmap, may inflate this far, and a small file
# by any factor.
_LARGEST_RATIO = 100
_SMALL_BYTES = 1_000_000
# What a reader of archives may raise when it is fed with hostile bytes.
_READER_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """`max_bytes` is of all that comes out of an archive; an entry may also be a folder or a link."""

    max_entries: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """A file in an archive, under the name it has there, which is data and no path.

    `pieces` may be called once, before the next entry is asked for. It raises `BadArchive` when the file
    cannot be had; whether that ends the whole archive shows when the next entry is asked for.
    """

    name: str
    pieces: Callable[[], Iterator[bytes]]


class InflationBudget:
    """How many bytes may still come out of one archive."""

    def __init__(self, archive_bytes: int, *, max_bytes: int) -> None:
        self._left = min(max_bytes, _may_become(archive_bytes))

    def spend(self, count: int) -> None:
        """Raises `BadArchive` when that was more than was left, and ever after."""
        self._left -= count
        if self._left < 0:
            raise BadArchive("The archive inflates to more than is taken.")


def require_plausible(inflated_bytes: int, *, of_bytes: int) -> None:
    """Raises `BadArchive` for an entry that inflates as no picture does."""
    if inflated_bytes > _may_become(of_bytes):
        raise BadArchive(f"The entry inflates more than {_LARGEST_RATIO} times; send it by itself.")


def is_clutter(name: str) -> bool:
    """Whether this is what macOS puts beside each file."""
    parts = re.split(r"[/\\]", name)
    return "__MACOSX" in parts[:-1] or parts[-1].startswith("._")


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Raises `BadArchive` for whatever a reading library makes of damaged bytes."""
    try:
        yield
    except _READER_ERRORS as error:
        raise BadArchive(f"The {what} is damaged.") from error


def _may_become(packed_bytes: int) -> int:
    return max(_SMALL_BYTES, _LARGEST_RATIO * packed_bytes)
