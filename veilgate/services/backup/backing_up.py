"""A backup of the embedded default: the database as it was at one moment, and the files its rows name."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from veilgate.domain.errors import (
    ConfigurationError,
    DatabaseUnavailable,
    DiskFull,
    ObjectStoreUnavailable,
)
from veilgate.persistence.sqlite_copy import copy_database, is_sound
from veilgate.services.backup.checksums import NewChecksums
from veilgate.services.backup.erased_meanwhile import erase_from_copy
from veilgate.services.backup.named_files import NamedFile, files_named_in, opened
from veilgate.storage.ports import ObjectStore

DATABASE = "veilgate.db"
OBJECTS = "objects"
# One copy of the database for each time that pictures were erased while their files were being copied.
_MOST_COPIES = 10


class _Fault(Enum):
    """Why there is no copy of a file."""

    ABSENT = auto()
    UNREADABLE = auto()


class _NotReadError(Exception):
    def __init__(self, fault: _Fault) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True)
class Saved:
    """`files`: without the database. `lost`: rows name them, nobody has them, and their images were not
    erased meanwhile. `unreadable`: they are there, and the disk does not give them. `damaged`: originals that
    hold other bytes than were sent, saved as they are."""

    files: int
    size_bytes: int
    lost: list[str]
    unreadable: list[str]
    damaged: list[str]

    @property
    def is_whole(self) -> bool:
        return not (self.lost or self.unreadable or self.damaged)


class Backup:
    """Database first, files after: each file is stored before its row is written and is never changed, so
    that every row of the copy finds its files. Only those that were erased since are gone; then the database
    is copied once more, and of the files only what is new. What is erased after that is erased from the copy
    when all has been read back."""

    def __init__(self, database_file: Path, store: ObjectStore, folder: Path) -> None:
        self._database_file = database_file
        self._store = store
        self._folder = folder
        self._objects = folder / OBJECTS
        self._earlier = folder / ".earlier"
        self._copied_database = folder / DATABASE

    def run(self, *, progress: Callable[[int], None]) -> Saved:
        """Raises `ConfigurationError` when the folder is not empty, `DiskFull` and `DatabaseUnavailable`."""
        try:
            self._make_folder()
            return self._finish(self._copy_until_all_is_there(progress))
        except OSError as error:
            raise DiskFull(f"The backup cannot be written: {error.strerror}.") from error

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(self._folder.iterdir()):
            raise ConfigurationError(f"{self._folder} is not empty: each backup wants a folder of its own.")
        with suppress(PermissionError):  # where a disk is mounted; our files are closed by themselves
            self._folder.chmod(0o700)

    def _copy_until_all_is_there(self, progress: Callable[[int], None]) -> dict[str, _Fault]:
        """Returns of which files there is no copy."""
        before: dict[str, _Fault] = {}
        for _ in range(_MOST_COPIES):
            faults = self._copy_everything(progress)
            # Rows of what was erased are not in the next copy; what is lost is missing again.
            if faults.keys() <= before.keys():
                return faults
            before = faults
        raise DatabaseUnavailable("Pictures were erased all the while: try again when fewer are.")

    def _copy_everything(self, progress: Callable[[int], None]) -> dict[str, _Fault]:
        self._copied_database.unlink(missing_ok=True)
        copy_database(self._database_file, self._copied_database)
        if self._objects.exists():
            self._objects.rename(self._earlier)
        self._objects.mkdir(mode=0o700)
        faults = {}
        for number, wanted in enumerate(self._wanted(), start=1):
            try:
                self._copy(wanted.key)
            except _NotReadError as error:
                faults[wanted.key] = error.fault
            progress(number)
        shutil.rmtree(self._earlier, ignore_errors=True)
        return faults

    def _copy(self, key: str) -> None:
        target, earlier = self._objects / key, self._earlier / key
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if earlier.exists():
            earlier.replace(target)
            return
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(self._chunks(key))
        except _NotReadError:
            target.unlink()
            raise

    def _chunks(self, key: str) -> Iterator[bytes]:
        """What of an `OSError` is the fault of the disk that is read, not of the one that is written."""
        try:
            _, chunks = self._store.open_chunks(key)
            yield from chunks
        except FileNotFoundError as error:
            raise _NotReadError(_Fault.ABSENT) from error
        except (OSError, ObjectStoreUnavailable) as error:
            raise _NotReadError(_Fault.UNREADABLE) from error

    def _finish(self, faults: dict[str, _Fault]) -> Saved:
        checksums, damaged = NewChecksums(self._folder), []
        for wanted in self._wanted():
            if wanted.key in faults:
                continue
            digest = checksums.add(f"{OBJECTS}/{wanted.key}")
            if wanted.sha256 not in {None, digest}:
                damaged.append(wanted.key)
        if self._erase_what_was_erased():
            checksums.leave_out_what_is_gone()
            faults = {wanted.key: faults[wanted.key] for wanted in self._wanted() if wanted.key in faults}
            damaged = [key for key in damaged if (self._objects / key).exists()]
        if not is_sound(self._copied_database):
            raise DatabaseUnavailable("The copy of the database is damaged, and so may be the database.")
        files, size_bytes = checksums.files, checksums.size_bytes
        checksums.add(DATABASE)
        checksums.finish()
        lost, unreadable = (
            sorted(key for key, found in faults.items() if found is fault)
            for fault in (_Fault.ABSENT, _Fault.UNREADABLE)
        )
        return Saved(files, size_bytes, lost, unreadable, damaged)

    def _erase_what_was_erased(self) -> int:
        with opened(self._copied_database) as copy, opened(self._database_file) as house:
            return erase_from_copy(copy, self._objects, house=house)

    def _wanted(self) -> Iterator[NamedFile]:
        with opened(self._copied_database) as copy:
            yield from files_named_in(copy)
