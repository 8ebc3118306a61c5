"""Reading archives: what is in them comes out whole and in order, and never more than the limits say."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.archives import (
    PACKERS,
    tar_of,
    tar_of_members,
    with_damage,
    with_encryption,
    with_link,
    with_size,
    zip_of,
    zip_of_shared_bytes,
    zip_with_directory_of,
)
from veilgate.domain.rejections import BadArchive, TooManyFiles
from veilgate.services.uploads.archive_entry import ArchiveLimits
from veilgate.services.uploads.archives import HEAD_BYTES, ArchiveKind, archive_kind, read_archive

LIMITS = ArchiveLimits(max_entries=100, max_bytes=20_000_000)
NOISE = random.Random(1).randbytes(1_300_000)
FILES = [("a.jpg", NOISE[:3000]), ("folder/b.jpg", NOISE), ("empty.jpg", b""), ("ü.jpg", b"1")]
TYPES = {
    "symbolic link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "character device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
    "sparse": tarfile.GNUTYPE_SPARSE,
    "of no known type": b"z",
}
PACK_TAR: dict[str, Callable[[bytes], bytes]] = {
    "tar.gz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
}


class Reader:
    """Reads archives to their end; an entry that cannot be had is its error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: list[tuple[str, bytes | BadArchive]] = []

    def __call__(
        self, archive: bytes, limits: ArchiveLimits = LIMITS
    ) -> list[tuple[str, bytes | BadArchive]]:
        kind = archive_kind(archive[:HEAD_BYTES])
        assert kind
        self.path.write_bytes(archive)
        self.found = []
        for entry in read_archive(self.path, kind, limits):
            try:
                self.found.append((entry.name, b"".join(entry.pieces())))
            except BadArchive as error:
                self.found.append((entry.name, error))
        return self.found

    def outcomes(self, archive: bytes) -> list[str]:
        return [content.message if isinstance(content, BadArchive) else "" for _, content in self(archive)]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path / "archive")


@pytest.mark.parametrize("packer", PACKERS)
def test_what_is_packed_comes_out(read: Reader, packer: str) -> None:
    assert read(PACKERS[packer](FILES)) == FILES


def test_kinds_are_told_by_their_first_bytes() -> None:
    kinds = {name: archive_kind(pack(FILES)[:HEAD_BYTES]) for name, pack in PACKERS.items()}
    assert [kinds[kind.value] for kind in ArchiveKind] == list(ArchiveKind)
    assert kinds["tar, old"] is ArchiveKind.TAR
    for other in (b"", b"PK", bytes(512), NOISE[:512], b"\xff\xd8\xff" + bytes(509), b"BZip is a word"):
        assert archive_kind(other) in {None, ArchiveKind.TAR_BZ2}


def test_long_names_are_read(read: Reader) -> None:
    name = "x" * 300 + ".jpg"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        assert read(tar_of([(name, b"1"), ("b", b"2")], form)) == [(name, b"1"), ("b", b"2")]


def test_several_compressed_files_in_a_row_are_one(read: Reader) -> None:
    tar = tar_of(FILES)
    for pack in PACK_TAR.values():
        assert read(pack(tar[:5000]) + pack(tar[5000:])) == FILES


def test_folders_and_clutter_are_left_out(read: Reader) -> None:
    spool = io.BytesIO()
    with zipfile.ZipFile(spool, "w") as archive:
        for name in ("folder/", "__MACOSX/folder/._a.jpg", "folder/._a.jpg", "a.jpg"):
            archive.writestr(name, b"")
    assert [name for name, _ in read(spool.getvalue())] == ["a.jpg"]
    members = [
        ("d", tarfile.DIRTYPE, b""),
        ("__MACOSX/x", tarfile.REGTYPE, b"1"),
        ("a", tarfile.REGTYPE, b"2"),
    ]
    assert read(tar_of_members(members)) == [("a", b"2")]


@pytest.mark.parametrize("kind", TYPES)
def test_what_is_no_file_is_refused_by_itself(read: Reader, kind: str) -> None:
    content = b"x" * 700 if TYPES[kind] in {b"z", tarfile.GNUTYPE_SPARSE} else b""
    members = [("a", TYPES[kind], content), ("good", tarfile.REGTYPE, b"1")]
    bad, good = read(tar_of_members(members))
    assert isinstance(bad[1], BadArchive)
    assert good == ("good", b"1")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (with_link, "link"),
        (with_encryption, "encrypted"),
        (lambda archive: with_size(archive, 10), "damaged"),
        (lambda archive: with_size(archive, 10**9), "size"),
        (lambda archive: with_damage(archive, NOISE[:3000]), "damaged"),
    ],
    ids=["link", "encrypted", "smaller", "larger", "damaged"],
)
def test_a_zip_entry_that_cannot_be_had_is_refused_by_itself(
    read: Reader, change: Callable[[bytes], bytes], says: str
) -> None:
    bad, good = read(change(zip_of([("a", NOISE[:3000]), ("good", b"1")], zipfile.ZIP_STORED)))
    assert isinstance(bad[1], BadArchive)
    assert says in bad[1].message
    assert good == ("good", b"1")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_inflate_without_bounds_are_refused(read: Reader, method: int) -> None:
    assert "compressed in a way" in read.outcomes(zip_of([("a", b"1")], method))[0]


@pytest.mark.parametrize("packer", PACKERS)
def test_every_cut_ends_in_an_error(read: Reader, packer: str) -> None:
    files = [(f"{number}.jpg", NOISE[:3000]) for number in range(3)]
    archive = PACKERS[packer](files)
    # What follows the end of a tar, or of its last entry's bytes, is not read.
    end = 3 * (512 + 3072) if packer.partition(",")[0] == "tar" else len(archive) - 100
    for length in range(HEAD_BYTES, end, 131):
        with pytest.raises(BadArchive):
            read(archive[:length])
        assert all(found in files or isinstance(found[1], BadArchive) for found in read.found)


@pytest.mark.parametrize("packer", ["zip", *PACK_TAR])
def test_a_bomb_is_stopped_early_and_never_held(read: Reader, packer: str) -> None:
    bomb = PACKERS[packer]([("a", bytes(100_000_000))])
    assert len(bomb) < 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(BadArchive):
            read(bomb)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # What came out before is held by this test.
    assert most_bytes < 2 * LIMITS.max_bytes + 10_000_000
    assert isinstance(read.found[0][1], BadArchive)


def test_an_implausible_entry_is_refused_and_the_next_is_read(read: Reader) -> None:
    flat, good = read(zip_of([("a", bytes(5_000_000)), ("good", NOISE)]))
    assert isinstance(flat[1], BadArchive)
    assert good == ("good", NOISE)


def test_many_small_bombs_are_one(read: Reader) -> None:
    with pytest.raises(BadArchive):
        read(zip_of([(f"{number}", bytes(900_000)) for number in range(90)]))
    assert sum(isinstance(content, bytes) for _, content in read.found) < 90


def test_all_together_may_not_be_more_than_the_limit(read: Reader) -> None:
    files = [(f"{number}", NOISE) for number in range(17)]
    for pack in (zip_of, lambda files: gzip.compress(tar_of(files), 1)):
        with pytest.raises(BadArchive):
            read(pack(files))
        assert 15 <= len(read.found) <= 17


def test_entries_may_not_share_bytes(read: Reader) -> None:
    with pytest.raises(BadArchive, match="overlap"):
        read(zip_of_shared_bytes(50, bytes(100_000)))


@pytest.mark.parametrize("says", [None, 1], ids=["true", "lying"])
@pytest.mark.parametrize("entries", [101, 1_000_000])
def test_a_large_directory_is_not_loaded(read: Reader, entries: int, says: int | None) -> None:
    archive = zip_with_directory_of(entries, says=says)
    tracemalloc.start()
    try:
        with pytest.raises(TooManyFiles):
            read(archive)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 1_000_000


def test_too_many_entries_end_a_tar(read: Reader) -> None:
    with pytest.raises(TooManyFiles):
        read(tar_of_members([("d", tarfile.DIRTYPE, b"")] * 101))
    assert len(read(tar_of_members([("a", tarfile.REGTYPE, b"")] * 100))) == 100


@pytest.mark.parametrize(
    "records",
    [b"9" * 60_000, b"0 a=b\n", b"-9 a=b\n", b"99999 path=a\n", b"12 size=-12\n", b"12 size=1e3\n", b"a"],
)
def test_extended_headers_that_lie_end_the_tar_at_once(read: Reader, records: bytes) -> None:
    archive = tar_of_members([("x", tarfile.XHDTYPE, records), ("a", tarfile.REGTYPE, b"1")])
    with pytest.raises(BadArchive):
        read(archive)


def test_extended_headers_without_end_are_refused(read: Reader) -> None:
    with pytest.raises(BadArchive, match="too many extended"):
        read(tar_of_members([("x", tarfile.XHDTYPE, b"6 a=b\n")] * 20))
    with pytest.raises(BadArchive, match="too long"):
        read(tar_of_members([("x", tarfile.XHDTYPE, bytes(2_000_000))]))


def test_xz_that_wants_gigabytes_is_refused(read: Reader) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 256 << 20}]
    with pytest.raises(BadArchive):
        read(lzma.compress(tar_of(FILES[:1]), filters=filters))
