"""The files in a zip: its directory is held to limits before it is loaded, and no size in it is believed."""

import stat
import zipfile
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import IO, BinaryIO

from veilgate.domain.rejections import BadArchive, TooManyFiles
from veilgate.services.uploads.archive_entry import (
    PIECE_BYTES,
    ArchiveEntry,
    InflationBudget,
    is_clutter,
    reading,
    require_plausible,
)

# zipfile inflates bzip2 and lzma in one go, however much comes out: 4 KB of bzip2 may be 4 GB.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_IS_ENCRYPTED = 0x1
_LOCAL_HEADER_BYTES = 30
_DIRECTORY_RECORD = b"PK\x01\x02"
# A record has 46 bytes, the path and what tools add: times, owners, the path once more.
_RECORD_BYTES = 512
# zipfile looks for the end of the directory in this many bytes.
_SEARCH_BYTES = (1 << 16) + 22


def zip_entries(file: BinaryIO, budget: InflationBudget, *, max_entries: int) -> Iterator[ArchiveEntry]:
    """The files of a zip in the order of its directory. Raises `BadArchive` or `TooManyFiles`."""
    guard = _DirectoryGuard(file, max_entries)
    with reading("archive"):
        archive = zipfile.ZipFile(guard)
    with archive:
        guard.release()
        _require_disjoint(archive)
        for info in archive.infolist():
            if not _is_folder(info) and not is_clutter(info.filename):
                yield ArchiveEntry(info.filename, partial(_pieces, archive, info, budget))
                budget.spend(0)  # ends the archive, if this entry has overdrawn it


class _DirectoryGuard:
    """A file that zipfile reads from. Until it is released, it gives nothing that is too much to parse."""

    def __init__(self, file: BinaryIO, max_entries: int) -> None:
        self.seek = file.seek
        self.tell = file.tell
        self.seekable = file.seekable
        self._file = file
        self._max_entries = max_entries
        self._is_released = False

    def release(self) -> None:
        self._is_released = True

    def read(self, size: int = -1) -> bytes:
        if self._is_released:
            return self._file.read(size)
        most = max(self._max_entries * _RECORD_BYTES, _SEARCH_BYTES)
        data = self._file.read(size if 0 <= size <= most else most + 1)
        if len(data) > most or data.count(_DIRECTORY_RECORD) > self._max_entries:
            raise TooManyFiles(f"An archive may have at most {self._max_entries} entries.")
        return data


def _require_disjoint(archive: zipfile.ZipFile) -> None:
    """No byte belongs to two entries: sharing some is how a small zip becomes a huge one."""
    spans = sorted(
        (info.header_offset, info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size)
        for info in archive.infolist()
    )
    for (_, end), (start, _) in pairwise([*spans, (archive.start_dir, 0)]):
        if end > start:
            raise BadArchive("Entries of the archive overlap.")


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.is_dir() or stat.S_ISDIR(info.external_attr >> 16)


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: InflationBudget) -> Iterator[bytes]:
    _require_readable(info)
    with reading("entry"):
        member = archive.open(info)
    inflated = 0
    with member:
        while piece := _next_piece(member):
            inflated += len(piece)
            budget.spend(len(piece))
            require_plausible(inflated, of_bytes=info.compress_size)
            yield piece
    if inflated != info.file_size:
        raise BadArchive("The entry has not the size that the archive says.")


def _next_piece(member: IO[bytes]) -> bytes:
    with reading("entry"):
        return member.read(PIECE_BYTES)


def _require_readable(info: zipfile.ZipInfo) -> None:
    if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG}:
        raise BadArchive("The entry is a link or a device.")
    if info.flag_bits & _IS_ENCRYPTED:
        raise BadArchive("The entry is encrypted.")
    if info.compress_type not in _METHODS:
        raise BadArchive("The entry is compressed in a way that is not taken; deflate is.")
