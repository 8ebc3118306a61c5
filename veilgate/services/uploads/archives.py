"""Archives: what kind a file is by its first bytes, and the files in it. Nothing is extracted to a path."""

from collections.abc import Generator
from enum import StrEnum
from pathlib import Path

from veilgate.services.uploads.archive_entry import ArchiveEntry, ArchiveLimits, InflationBudget
from veilgate.services.uploads.inflated_stream import InflatedStream, bunzip2, gunzip, unxz
from veilgate.services.uploads.tar_entries import is_tar, tar_entries
from veilgate.services.uploads.zip_entries import zip_entries

# So much of a file tells its kind.
HEAD_BYTES = 512


class ArchiveKind(StrEnum):
    ZIP = "zip"
    TAR = "tar"
    TAR_GZ = "tar.gz"
    TAR_BZ2 = "tar.bz2"
    TAR_XZ = "tar.xz"


_MAGICS = (
    (b"PK\x03\x04", ArchiveKind.ZIP),
    (b"PK\x05\x06", ArchiveKind.ZIP),  # one without entries
    (b"\x1f\x8b\x08", ArchiveKind.TAR_GZ),
    (b"BZh", ArchiveKind.TAR_BZ2),
    (b"\xfd7zXZ\x00", ArchiveKind.TAR_XZ),
)
_INFLATE = {ArchiveKind.TAR_GZ: gunzip, ArchiveKind.TAR_BZ2: bunzip2, ArchiveKind.TAR_XZ: unxz}


def archive_kind(head: bytes) -> ArchiveKind | None:
    """The kind of archive that a file with these first `HEAD_BYTES` is, or None."""
    for magic, kind in _MAGICS:
        if head.startswith(magic):
            return kind
    return ArchiveKind.TAR if is_tar(head) else None


def read_archive(path: Path, kind: ArchiveKind, limits: ArchiveLimits) -> Generator[ArchiveEntry]:
    """The files in an archive, in order; folders and what macOS adds are left out. Blocks.

    Raises `BadArchive` when the archive cannot be read (on), and `TooManyFiles` when it has too many entries.
    """
    with path.open("rb") as file:
        budget = InflationBudget(path.stat().st_size, max_bytes=limits.max_bytes)
        if kind is ArchiveKind.ZIP:
            yield from zip_entries(file, budget, max_entries=limits.max_entries)
            return
        inflate = _INFLATE.get(kind)
        source = InflatedStream(file, inflate, budget) if inflate else file
        yield from tar_entries(source, max_entries=limits.max_entries)
