"""Large uploads on their way in: files that vanish unless they are handed over."""

import contextlib
import errno
import fcntl
import hashlib
import mmap
import os
import shutil
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from veilgate.domain.errors import DiskFull, ObjectStoreUnavailable, Unavailable
from veilgate.storage.ports import ObjectStore


class SpooledFile:
    """A file being received. Its lock tells a sweep that the writer is still alive."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        self._file = self._new_file()

    @property
    def was_swept(self) -> bool:
        """Whether a sweep came between making the file and locking it."""
        return os.fstat(self._file.fileno()).st_nlink == 0

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        self._digest.update(view)
        self.size += len(view)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise _unavailable(error) from error

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    @contextlib.contextmanager
    def content(self) -> Iterator[mmap.mmap]:
        """All bytes, of which there is at least one, to be looked at within the block."""
        self._be_there()
        with (
            self.path.open("rb") as opened,
            contextlib.closing(mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)) as data,
        ):
            yield data

    def store_in(self, store: ObjectStore, key: str, *, media_type: str) -> None:
        """Hand the file over; it is not ours to remove afterwards. May be done again, as when the first time
        was in vain."""
        self._be_there()
        store.put_file(key, self.path, media_type=media_type, sha256=self.sha256)

    def __enter__(self) -> "SpooledFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def _new_file(self) -> FileIO:
        file = self.path.open("x+b", buffering=0)
        # Waits for a sweep that looks at the file just now, and then takes it for left behind.
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def _be_there(self) -> None:
        """What was taken over has no name here any more; whatever became of it, we hold it open."""
        if self.path.exists():
            return
        try:
            with self._file as taken:
                self._file = self._new_file()
                taken.seek(0)
                shutil.copyfileobj(taken, self._file)
        except OSError as error:
            raise _unavailable(error) from error

    def discard(self) -> None:
        """Close, and remove the file unless it was taken over."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class Spool:
    """Where uploads are received: on the file system of the objects, so that storing is a rename."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._make_folder()

    def open(self) -> SpooledFile:
        """A new file to receive into. Raises `DiskFull` or `ObjectStoreUnavailable`."""
        try:
            while (file := self._new_file()).was_swept:
                file.discard()
        except OSError as error:
            raise _unavailable(error) from error
        return file

    def sweep(self) -> int:
        """Remove what dead processes left behind; returns how many files went."""
        removed = 0
        for path in self._folder.glob("*.part"):
            with contextlib.suppress(OSError):
                removed += _remove_if_abandoned(path)
        return removed

    def _new_file(self) -> SpooledFile:
        path = self._folder / f"{uuid4().hex}.part"
        try:
            return SpooledFile(path)
        except FileNotFoundError:  # somebody removed the folder
            self._make_folder()
            return SpooledFile(path)

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _unavailable(error: OSError) -> Unavailable:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFull("There is no space left to receive the file.")
    return ObjectStoreUnavailable("Files cannot be received at the moment.")


def _remove_if_abandoned(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)
