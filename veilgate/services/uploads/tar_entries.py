"""The files in a tar, read forwards only. tarfile parses a header; the walk from one to the next is ours.

tarfile's own walk loads whatever length an extended header claims, follows them by recursion, and searches
them with patterns that take quadratic time (CVE-2024-6232).
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from veilgate.domain.rejections import BadArchive, TooManyFiles
from veilgate.services.uploads.archive_entry import PIECE_BYTES, ArchiveEntry, is_clutter

_BLOCK_BYTES = 512
# Headers that say more about the next entry: a long name, a long link, extended and global attributes.
_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_MOST_EXTENSIONS = 8
_LARGEST_EXTENSION_BYTES = 1 << 20
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_WITHOUT_DATA = (
    tarfile.DIRTYPE,
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.FIFOTYPE,
)
_LONGEST_NUMBER = 19


class Source(Protocol):
    def read(self, size: int, /) -> bytes:
        """So many bytes, and fewer only at the end."""
        ...


@dataclass(frozen=True, slots=True)
class _Header:
    name: str
    kind: bytes
    size: int
    is_sparse: bool


def tar_entries(source: Source, *, max_entries: int) -> Iterator[ArchiveEntry]:
    """The files of a tar in order. Raises `BadArchive` or `TooManyFiles`."""
    seen = 0
    while header := _next_header(source):
        seen += 1
        if seen > max_entries:
            raise TooManyFiles(f"An archive may have at most {max_entries} entries.")
        data = _Data(source, header)
        if header.kind != tarfile.DIRTYPE and not is_clutter(header.name):
            yield ArchiveEntry(header.name, data.pieces)
        data.skip()


def is_tar(head: bytes) -> bool:
    """Whether a file that begins like this is a tar: the first header has the checksum that it says."""
    try:
        tarfile.TarInfo.frombuf(head[:_BLOCK_BYTES], "utf-8", "replace")
    except tarfile.TarError:
        return False
    return True


class _Data:
    """What follows a header, to be read or skipped before the next one."""

    def __init__(self, source: Source, header: _Header) -> None:
        self._source = source
        self._header = header
        self._left = 0 if header.kind in _WITHOUT_DATA else header.size
        self._padding = -self._left % _BLOCK_BYTES

    def pieces(self) -> Iterator[bytes]:
        if self._header.kind not in _FILES:
            raise BadArchive("The entry is a link, a device or of another kind that is not taken.")
        if self._header.is_sparse:
            raise BadArchive("The entry is sparse, which is not taken.")
        yield from self._rest()

    def skip(self) -> None:
        for _ in self._rest():
            pass
        _read_exactly(self._source, self._padding)

    def _rest(self) -> Iterator[bytes]:
        while self._left:
            piece = _read_exactly(self._source, min(self._left, PIECE_BYTES))
            self._left -= len(piece)
            yield piece


def _next_header(source: Source) -> _Header | None:
    """The next entry with what its extensions say, or None where the archive says that it ends."""
    said: dict[str, bytes] = {}
    for _ in range(_MOST_EXTENSIONS + 1):
        block = _read_exactly(source, _BLOCK_BYTES)
        if not any(block):
            return None
        info = _parsed(block)
        if info.type not in _EXTENSIONS:
            return _described(info, said)
        said.update(_extension(source, info))
    raise BadArchive("An entry of the archive has too many extended headers.")


def _parsed(block: bytes) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.TarError as error:
        raise BadArchive("The archive is damaged.") from error
    if info.size < 0:
        raise BadArchive("The archive is damaged.")
    return info


def _described(info: tarfile.TarInfo, said: dict[str, bytes]) -> _Header:
    name = said["path"].decode("utf-8", "replace") if "path" in said else info.name
    size = _number(said["size"]) if "size" in said else info.size
    is_sparse = any(keyword.startswith("GNU.sparse") for keyword in said)
    return _Header(name, info.type, size, is_sparse)


def _extension(source: Source, info: tarfile.TarInfo) -> dict[str, bytes]:
    if info.size > _LARGEST_EXTENSION_BYTES:
        raise BadArchive("An extended header of the archive is too long.")
    data = _read_exactly(source, info.size)
    _read_exactly(source, -info.size % _BLOCK_BYTES)
    if info.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": data.partition(b"\0")[0]}
    if info.type in {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE}:
        return dict(_records(data))
    return {}


def _records(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The records `length keyword=value` of an extended header."""
    at = 0
    while at < len(data) and data[at]:
        space = data.find(b" ", at, at + _LONGEST_NUMBER)
        end = at + _number(data[at : max(space, at)])
        if end <= space or end > len(data):
            raise BadArchive("An extended header of the archive is damaged.")
        keyword, _, value = data[space + 1 : end - 1].partition(b"=")
        yield keyword.decode("utf-8", "replace"), value
        at = end


def _number(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > _LONGEST_NUMBER:
        raise BadArchive("An extended header of the archive is damaged.")
    return int(digits)


def _read_exactly(source: Source, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise BadArchive("The archive ends too early.")
    return data
