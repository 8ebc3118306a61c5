"""Objects as files below one folder. A file appears under its name complete and synced, or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from veilgate.domain.errors import DiskFull, ObjectStoreUnavailable
from veilgate.storage.keys import key_parts

_CHUNK_BYTES = 1 << 20
_INCOMING = ".incoming"


class LocalObjectStore:
    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()
        self._incoming = self._root / _INCOMING
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, key: str, data: bytes, *, media_type: str) -> None:  # noqa: ARG002 - S3 wants to know
        temporary = self._incoming / uuid4().hex
        with _translated_errors():
            try:
                try:
                    _write(temporary, data)
                except FileNotFoundError:  # somebody removed the folder
                    _make_folders(self._incoming)
                    _write(temporary, data)
                self._move_into_place(temporary, key)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise

    def put_file(self, key: str, path: Path, *, media_type: str, sha256: str) -> None:  # noqa: ARG002
        with _translated_errors():
            try:
                self._move_into_place(path, key)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._copy_across(path, key)

    def get(self, key: str) -> bytes:
        with _translated_errors():
            return self._path(key).read_bytes()

    def open_chunks(self, key: str) -> tuple[int, Iterator[bytes]]:
        with _translated_errors():
            file = self._path(key).open("rb")

        def chunks() -> Iterator[bytes]:
            with file:
                while chunk := file.read(_CHUNK_BYTES):
                    yield chunk

        return os.fstat(file.fileno()).st_size, chunks()

    def size_bytes(self, key: str) -> int:
        with _translated_errors():
            return self._path(key).stat().st_size

    def delete(self, keys: list[str]) -> None:
        with _translated_errors():
            for key in keys:
                path = self._path(key)
                path.unlink(missing_ok=True)
                self._drop_empty_parents(path.parent)

    def list(self, prefix: str) -> Iterator[str]:
        # The folder part of a prefix is a folder; what is left is the start of a name.
        folder = self._path(prefix.rpartition("/")[0]) if "/" in prefix else self._root
        for parent, _, names in os.walk(folder):
            for name in names:
                path = Path(parent) / name
                key = path.relative_to(self._root).as_posix()
                if key.startswith(prefix) and not key.startswith(_INCOMING):
                    yield key

    def uri(self, key: str) -> str:
        return self._path(key).as_uri()

    def check(self) -> None:
        with _translated_errors():
            _make_folders(self._incoming)
            probe = self._incoming / f"probe-{uuid4().hex}"
            probe.write_bytes(b"ok")
            probe.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*key_parts(key))

    def _move_into_place(self, source: Path, key: str) -> None:
        """Give a complete file its name, and sync both.

        In this order, because one write to the file system's journal then serves for file and folder; synced
        before it is moved, it takes two. Until we return nobody knows the key, so that what a power cut
        leaves of it has no row, and goes with the other orphans.
        """
        target = self._path(key)
        while True:
            try:
                source.replace(target)
                break
            except FileNotFoundError:
                # The folder is not there yet, or somebody's delete dropped it while it was empty.
                if not source.exists():
                    raise
                _make_folders(target.parent)
        try:
            _sync(target)
            _sync(target.parent)
        except OSError:
            target.unlink(missing_ok=True)
            raise

    def _copy_across(self, source: Path, key: str) -> None:
        temporary = self._incoming / uuid4().hex
        try:
            shutil.copyfile(source, temporary)
            self._move_into_place(temporary, key)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        source.unlink(missing_ok=True)

    def _drop_empty_parents(self, folder: Path) -> None:
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


def _make_folders(folder: Path) -> None:
    """Make missing folders and sync the parents, so that a synced file cannot lose its folder."""
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync(folder.parent)


def _write(path: Path, data: bytes) -> None:
    # Few system calls: each gives Python's lock away, and under load waits to have it back.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


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
