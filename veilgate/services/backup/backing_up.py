"""A backup of the embedded default: the database as it was at one moment, and the files its rows name."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from veilgate.domain.errors import ConfigurationError, DatabaseUnavailable, DiskFull
from veilgate.domain.pictures import PictureFormat
from veilgate.persistence.engine import open_engine
from veilgate.persistence.inventory import CompletedJob, Inventory, StoredOriginal
from veilgate.persistence.sqlite_copy import copy_database, is_sound
from veilgate.persistence.unit_of_work import Database
from veilgate.services.backup.checksums import NewChecksums
from veilgate.storage.keys import THUMBNAIL_SIDES_PX, processed_key, thumbnail_key
from veilgate.storage.ports import ObjectStore

DATABASE = "veilgate.db"
OBJECTS = "objects"
_PAGE = 500
# One copy of the database for each time that pictures were erased while their files were being copied.
_MOST_COPIES = 10


class _Wanted(NamedTuple):
    """A file that a row names; `sha256` where the row says what it holds."""

    key: str
    sha256: str | None


@dataclass
class Saved:
    """`lost`: files that rows name and nobody has; nothing could be saved of them. `damaged`: originals that
    hold other bytes than were sent, saved as they are."""

    lost: list[str]
    files: int = 0
    size_bytes: int = 0
    damaged: list[str] = field(default_factory=list)


class Backup:
    """Database first, files after: each file is stored before its row is written and is never changed, so
    that every row of the copy finds its files. Only those that were erased since are gone; then the database
    is copied once more, and of the files only what is new."""

    def __init__(self, database_file: Path, store: ObjectStore, folder: Path) -> None:
        self._database_file = database_file
        self._store = store
        self._folder = folder
        self._objects = folder / OBJECTS
        self._earlier = folder / ".earlier"

    def run(self, *, progress: Callable[[int], None]) -> Saved:
        """Raises `ConfigurationError` when the folder is not empty, `DiskFull` and `DatabaseUnavailable`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(self._folder.iterdir()):
            raise ConfigurationError(f"{self._folder} is not empty: each backup wants a folder of its own.")
        missing_before: set[str] = set()
        try:
            for _ in range(_MOST_COPIES):
                missing = self._copy_everything(progress)
                # Rows of what was erased are not in the next copy; what is lost is missing again.
                if missing <= missing_before:
                    return self._finish(missing)
                missing_before = missing
        except OSError as error:
            raise DiskFull(f"The backup cannot be written: {error.strerror}.") from error
        raise DatabaseUnavailable("Pictures were erased all the while: try again when fewer are.")

    def _copy_everything(self, progress: Callable[[int], None]) -> set[str]:
        """Copies database and files; returns the files that the copied rows name and that were not there."""
        copy = self._folder / DATABASE
        copy.unlink(missing_ok=True)
        copy_database(self._database_file, copy)
        copy.chmod(0o600)
        if self._objects.exists():
            self._objects.rename(self._earlier)
        self._objects.mkdir(mode=0o700)
        missing = set()
        for number, wanted in enumerate(self._wanted(), start=1):
            if not self._copy(wanted.key):
                missing.add(wanted.key)
            progress(number)
        shutil.rmtree(self._earlier, ignore_errors=True)
        return missing

    def _copy(self, key: str) -> bool:
        target, earlier = self._objects / key, self._earlier / key
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if earlier.exists():
            os.link(earlier, target)
            return True
        try:
            _, chunks = self._store.open_chunks(key)
        except FileNotFoundError:
            return False
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(chunks)
        return True

    def _finish(self, lost: set[str]) -> Saved:
        saved, checksums = Saved(sorted(lost)), NewChecksums(self._folder)
        for wanted in self._wanted():
            if wanted.key in lost:
                continue
            digest = checksums.add(f"{OBJECTS}/{wanted.key}")
            if wanted.sha256 not in {None, digest}:
                saved.damaged.append(wanted.key)
            saved.files += 1
            saved.size_bytes += (self._objects / wanted.key).stat().st_size
        if not is_sound(self._folder / DATABASE):
            raise DatabaseUnavailable("The copy of the database is damaged, and so may be the database.")
        checksums.add(DATABASE)
        checksums.finish()
        return saved

    def _wanted(self) -> Iterator[_Wanted]:
        """What the rows of the copy name, page by page."""
        database = Database(open_engine(f"sqlite:///{self._folder / DATABASE}"))
        try:
            database.check()
            yield from (_Wanted(image.original_key, image.sha256) for image in _originals(database))
            for job in _completed(database):
                yield from (_Wanted(key, None) for key in _files_of(job))
        finally:
            database.close()


def _originals(database: Database) -> Iterator[StoredOriginal]:
    last = ""
    while True:
        with database.read() as transaction:
            page = Inventory(transaction.connection).originals_after(last, limit=_PAGE)
        if not page:
            return
        last = page[-1].image_id
        yield from (image for image in page if image.dropped_at_ms is None)


def _completed(database: Database) -> Iterator[CompletedJob]:
    place = None
    while True:
        with database.read() as transaction:
            page = Inventory(transaction.connection).completed_after(place, limit=_PAGE)
        if not page:
            return
        place = page[-1].place
        yield from page


def _files_of(job: CompletedJob) -> Iterator[str]:
    prefix = job.result_key or ""
    yield processed_key(prefix, PictureFormat(job.format).served_as.suffix)
    yield from (thumbnail_key(prefix, side_px) for side_px in THUMBNAIL_SIDES_PX)
