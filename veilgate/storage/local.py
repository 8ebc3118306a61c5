"""Objects as files below one folder: complete under their name, and durable when `put` returns."""

import errno
import os
import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from veilgate.domain.errors import DiskFull, ObjectStoreUnavailable
from veilgate.storage.keys import key_parts
from veilgate.telemetry.failpoints import failpoint

_CHUNK_BYTES = 1 << 20
_INCOMING = ".incoming"
_MOST_REMEMBERED = 10_000


class LocalObjectStore:
    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()
        self._incoming = self._root / _INCOMING
        # Folders whose own names this process has synced. That somebody else has made one says nothing.
        self._durable: set[Path] = set()
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, key: str, data: bytes, *, media_type: str) -> None:  # noqa: ARG002 - S3 wants to know
        with _translated_errors():
            temporary, descriptor = self._new_temporary()
            try:
                _write(descriptor, data)
                self._move_into_place(temporary, key, descriptor)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            finally:
                os.close(descriptor)

    def put_file(self, key: str, path: Path, *, media_type: str, sha256: str) -> None:  # noqa: ARG002
        with _translated_errors():
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._move_into_place(path, key, descriptor)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._copy_across(path, key)
            finally:
                os.close(descriptor)

    def get(self, key: str) -> bytes:
        with _translated_errors():
            return self._path(key).read_bytes()

    def open_chunks(self, key: str) -> tuple[int, Generator[bytes]]:
        with _translated_errors():
            file = self._path(key).open("rb")

        def chunks() -> Generator[bytes]:
            with file:
                while chunk := file.read(_CHUNK_BYTES):
                    yield chunk

        return os.fstat(file.fileno()).st_size, chunks()

    def open_range(self, key: str, first: int, last: int) -> Generator[bytes]:
        with _translated_errors():
            file = self._path(key).open("rb")

        def chunks() -> Generator[bytes]:
            with file:
                left = last - first + 1
                file.seek(first)
                while left and (chunk := file.read(min(left, _CHUNK_BYTES))):
                    left -= len(chunk)
                    yield chunk

        return chunks()

    def size_bytes(self, key: str) -> int:
        with _translated_errors():
            return self._path(key).stat().st_size

    def delete(self, keys: list[str]) -> None:
        with _translated_errors():
            for key in keys:
                path = self._path(key)
                path.unlink(missing_ok=True)
                self._drop_empty_parents(path.parent)

    def erase(self, names: Sequence[str]) -> None:
        for name in names:
            self.delete([*self.traces(name)])

    def traces(self, name: str) -> Iterator[str]:
        if not self._root.is_dir():  # of a disk that is not mounted nobody can say what is there
            raise ObjectStoreUnavailable("The object folder cannot be used.")
        if name.endswith("/"):
            yield from self.list(name)
        elif self._path(name).is_file():
            yield name

    def list(self, prefix: str) -> Iterator[str]:
        # The folder part of a prefix is a folder; what is left is the start of a name.
        folder = self._path(prefix.rpartition("/")[0]) if "/" in prefix else self._root
        with _translated_errors():
            for path in _files_below(str(folder)):
                key = path.removeprefix(f"{self._root}{os.sep}").replace(os.sep, "/")
                if key.startswith(prefix) and not key.startswith(_INCOMING):
                    yield key

    def uri(self, key: str) -> str:
        return self._path(key).as_uri()

    def check(self) -> None:
        with _translated_errors():
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self._incoming / f"probe-{uuid4().hex}"
            try:
                probe.write_bytes(b"ok")
            finally:
                probe.unlink(missing_ok=True)  # also what a full disk has left of it

    def remove_unfinished(self, *, older_than_s: float) -> int:
        removed = 0
        with _translated_errors():
            for path in self._incoming.glob("*"):
                with suppress(FileNotFoundError):  # it was finished, or removed, just now
                    if time.time() - path.stat().st_mtime > older_than_s:
                        path.unlink()
                        removed += 1
        return removed

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*key_parts(key))

    def _new_temporary(self) -> tuple[Path, int]:
        path = self._incoming / uuid4().hex
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            return path, os.open(path, flags, 0o600)
        except FileNotFoundError:  # somebody removed the folder
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            return path, os.open(path, flags, 0o600)

    def _move_into_place(self, source: Path, key: str, descriptor: int) -> None:
        """Give a complete file its name, and sync both.

        In this order, because one write to the file system's journal then serves for file and folder; synced
        before it is moved, it takes two. Until we return nobody knows the key, so that what a power cut
        leaves of it has no row, and goes with the other orphans.
        """
        target = self._path(key)
        failpoint("before_rename", key)
        while True:
            self._ensure_folder(target.parent)
            try:
                source.replace(target)
                break
            except FileNotFoundError:
                # Somebody's delete dropped the folder while it was empty.
                if not source.exists():
                    raise
                self._durable.discard(target.parent)
        try:
            os.fsync(descriptor)
            _sync(target.parent)
        except FileNotFoundError as error:
            # It was deleted the moment it was there, and its folder with it: as when its image is erased.
            raise ObjectStoreUnavailable("What was stored was deleted at the same time.") from error
        except OSError:
            target.unlink(missing_ok=True)
            raise

    def _ensure_folder(self, folder: Path) -> None:
        """Make it if it is missing, and make sure that no synced file can lose its folder."""
        if folder in self._durable or folder == self._root.parent:
            return
        self._ensure_folder(folder.parent)
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            _sync(folder.parent)
        except FileNotFoundError:  # its parent was dropped
            self._durable.discard(folder.parent)
            self._ensure_folder(folder)
            return
        if len(self._durable) >= _MOST_REMEMBERED:
            self._durable.clear()
        self._durable.add(folder)

    def _copy_across(self, source: Path, key: str) -> None:
        temporary, descriptor = self._new_temporary()
        try:
            with source.open("rb") as opened, os.fdopen(os.dup(descriptor), "wb") as copy:
                shutil.copyfileobj(opened, copy)
            self._move_into_place(temporary, key, descriptor)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        source.unlink(missing_ok=True)

    def _drop_empty_parents(self, folder: Path) -> None:
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


def _files_below(folder: str) -> Iterator[str]:
    """As they are found: with a list of what a folder holds, 50,000 results took 13 MB."""
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:  # it was dropped when its last file went
        return
    with entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(entry.path)
            else:
                yield entry.path


def _write(descriptor: int, data: bytes) -> None:
    # Few system calls: each gives Python's lock away, and under load waits to have it back.
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull from error
        raise ObjectStoreUnavailable("The object folder cannot be used.") from error
