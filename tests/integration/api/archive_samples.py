"""Archives that a gateway must not choke on, each with what it answers."""

import bz2
import gzip
import lzma
import os
import tarfile
import zipfile
from dataclasses import dataclass

from tests.fixtures.archives import (
    tar_of,
    tar_of_members,
    with_damage,
    with_encryption,
    with_link,
    with_size,
    zip_of,
    zip_of_shared_bytes,
    zip_of_zips,
    zip_with_directory_of,
)
from tests.integration.api.samples import GOOD, fresh

FIRST = fresh()
BOTH = [("bad.jpg", FIRST), ("good.jpg", GOOD)]
# What the gateway of these tests takes: see SMALL_LIMITS.
MOST_FILES = 20
MOST_ENTRIES = 4 * MOST_FILES + 1000


def _link(kind: bytes) -> bytes:
    return tar_of_members([("bad.jpg", kind, b""), ("good.jpg", tarfile.REGTYPE, GOOD)])


# What refuses one entry: name -> (archive, code). The picture `good.jpg` beside it is accepted.
BAD_ENTRIES: dict[str, tuple[bytes, str]] = {
    "symbolic link in a tar": (_link(tarfile.SYMTYPE), "bad_archive"),
    "hard link": (_link(tarfile.LNKTYPE), "bad_archive"),
    "character device": (_link(tarfile.CHRTYPE), "bad_archive"),
    "block device": (_link(tarfile.BLKTYPE), "bad_archive"),
    "fifo": (_link(tarfile.FIFOTYPE), "bad_archive"),
    "symbolic link in a zip": (with_link(zip_of(BOTH)), "bad_archive"),
    "encrypted": (with_encryption(zip_of(BOTH)), "bad_archive"),
    "damaged": (with_damage(zip_of(BOTH, zipfile.ZIP_STORED), FIRST), "bad_archive"),
    "smaller than it is": (with_size(zip_of(BOTH), 100), "bad_archive"),
    "larger than it is": (with_size(zip_of(BOTH), 4_000_000_000), "bad_archive"),
    "compressed by lzma": (zip_of(BOTH[:1], zipfile.ZIP_LZMA, BOTH[1:]), "bad_archive"),
    "inflating 1000 times": (zip_of([("bad.jpg", bytes(9_000_000)), BOTH[1]]), "bad_archive"),
    "too large": (zip_of([("bad.jpg", FIRST + os.urandom(1_000_000)), BOTH[1]]), "file_too_large"),
    "empty": (tar_of([("bad.jpg", b""), BOTH[1]]), "empty_file"),
    "no picture": (tar_of([("bad.jpg", b"hello"), BOTH[1]]), "not_an_image"),
    "a zip": (zip_of([("bad.zip", zip_of(BOTH)), BOTH[1]]), "unsupported_format"),
    "a zip of zips of zips": (
        zip_of([("bad.zip", zip_of_zips(3, bytes(1_000_000))), BOTH[1]]),
        "unsupported_format",
    ),
    "a tar.gz": (tar_of([("bad.tgz", gzip.compress(tar_of(BOTH))), BOTH[1]]), "unsupported_format"),
}


@dataclass(frozen=True)
class BadArchiveSample:
    """What refuses the whole archive; `is_begun` when entries came before the fault."""

    archive: bytes
    status: int
    code: str
    is_begun: bool = False


BAD_ARCHIVES: dict[str, BadArchiveSample] = {
    "no archive": BadArchiveSample(GOOD, 422, "bad_archive"),
    "empty": BadArchiveSample(b"", 422, "bad_archive"),
    "a zip's first bytes": BadArchiveSample(b"PK\x03\x04", 422, "bad_archive"),
    "a zip cut in half": BadArchiveSample(zip_of(BOTH)[:3000], 422, "bad_archive"),
    "a zip of nothing": BadArchiveSample(zip_of([]), 422, "missing_file"),
    "a zip of a folder": BadArchiveSample(zip_of([("folder/", b"")]), 422, "missing_file"),
    "a tar of nothing": BadArchiveSample(gzip.compress(tar_of([])), 422, "missing_file"),
    "entries that overlap": BadArchiveSample(zip_of_shared_bytes(500, bytes(900_000)), 422, "bad_archive"),
    "200,000 entries": BadArchiveSample(zip_with_directory_of(200_000), 413, "too_many_files"),
    "200,000 entries that say one": BadArchiveSample(
        zip_with_directory_of(200_000, says=1), 413, "too_many_files"
    ),
    "folders without end": BadArchiveSample(
        gzip.compress(tar_of_members([("d", tarfile.DIRTYPE, b"")] * (MOST_ENTRIES + 1))),
        413,
        "too_many_files",
    ),
    "gzip of a picture": BadArchiveSample(gzip.compress(GOOD), 422, "bad_archive"),
    "gzip of nothing": BadArchiveSample(gzip.compress(b""), 422, "bad_archive"),
    "gzip cut in half": BadArchiveSample(gzip.compress(tar_of(BOTH))[:20], 422, "bad_archive"),
    "a bomb of gzip": BadArchiveSample(
        gzip.compress(tar_of([("bad.jpg", bytes(90_000_000))])), 422, "bad_archive", is_begun=True
    ),
    "a bomb of bzip2": BadArchiveSample(
        bz2.compress(tar_of([("bad.jpg", bytes(90_000_000))])), 422, "bad_archive", is_begun=True
    ),
    "a bomb of xz": BadArchiveSample(
        lzma.compress(tar_of([("bad.jpg", bytes(90_000_000))]), preset=1), 422, "bad_archive", is_begun=True
    ),
    "a bomb of folders": BadArchiveSample(
        bz2.compress(bytes(512) * 2 + bytes(90_000_000)), 422, "missing_file"
    ),
    "a bomb of long names": BadArchiveSample(
        bz2.compress(tar_of_members([("x", tarfile.GNUTYPE_LONGNAME, bytes(90_000_000))])), 422, "bad_archive"
    ),
    "many small bombs": BadArchiveSample(
        zip_of([(f"{number}.jpg", bytes(990_000)) for number in range(20)]), 422, "bad_archive", is_begun=True
    ),
    "a tar cut in the second picture": BadArchiveSample(
        tar_of(BOTH)[:-9000], 422, "bad_archive", is_begun=True
    ),
    "a damaged second header": BadArchiveSample(
        with_damage(tar_of(BOTH), b"good.jpg"), 422, "bad_archive", is_begun=True
    ),
}
