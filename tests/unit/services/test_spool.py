"""Files on their way in: gone unless they are taken over, and safe from a sweep while they are written."""

import fcntl
import os
from hashlib import sha256
from pathlib import Path

import pytest

from veilgate.domain.errors import DiskFull, ObjectStoreUnavailable
from veilgate.services.uploads.spool import Spool


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "incoming"


@pytest.fixture
def spool(folder: Path) -> Spool:
    return Spool(folder)


def test_what_was_written_can_be_read_with_its_digest(spool: Spool) -> None:
    with spool.open() as file:
        file.write(b"one ")
        file.write(b"two")
        assert file.path.read_bytes() == b"one two"
        assert (file.size, file.sha256) == (7, sha256(b"one two").hexdigest())


def test_a_file_is_gone_afterwards(spool: Spool, folder: Path) -> None:
    with spool.open() as file:
        file.write(b"x")
    assert list(folder.iterdir()) == []


def test_a_file_that_was_taken_over_stays_where_it_went(spool: Spool, folder: Path, tmp_path: Path) -> None:
    with spool.open() as file:
        file.write(b"x")
        file.path.rename(tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == b"x"
    assert list(folder.iterdir()) == []


def test_a_sweep_removes_what_the_dead_left_and_spares_the_living(spool: Spool, folder: Path) -> None:
    (folder / "left.part").write_bytes(b"x")
    with spool.open() as living:
        assert Spool(folder).sweep() == 1
        assert list(folder.iterdir()) == [living.path]


def test_a_file_swept_before_it_was_locked_is_made_anew(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[int] = []
    flock = fcntl.flock

    def sweep_first(descriptor: object, operation: int) -> None:
        if operation == fcntl.LOCK_EX and not swept:
            swept.append(Spool(folder).sweep())
        flock(descriptor, operation)  # type: ignore[arg-type]

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    with spool.open() as file:
        assert swept == [1]
        assert file.path.exists()


def test_a_folder_that_went_is_made_again(spool: Spool, folder: Path) -> None:
    folder.rmdir()
    with spool.open() as file:
        assert file.path.parent == folder


def test_a_folder_that_is_none_cannot_receive(spool: Spool, folder: Path) -> None:
    folder.rmdir()
    folder.write_bytes(b"")
    with pytest.raises(ObjectStoreUnavailable):
        spool.open()


def test_a_full_disk_has_a_name(spool: Spool) -> None:
    with spool.open() as file:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, file._file.fileno())
        os.close(full)
        with pytest.raises(DiskFull):
            file.write(b"x")
