"""What a backup holds: a line for each file, as `sha256sum --check` reads them, written when all is there."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from veilgate.domain.errors import ConfigurationError
from veilgate.storage.keys import key_parts

NAME = "SHA256SUMS"
_CHUNK_BYTES = 1 << 20


def digest_of(path: Path) -> str:
    """Raises `OSError`."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


class NewChecksums:
    """The list while it is written. `finish` makes the backup a whole one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{NAME}.part"
        self._file = _new_list(self._path)
        self.files = 0
        self.size_bytes = 0

    def add(self, name: str) -> str:
        """Reads the file once more, so that what is written down is what is there."""
        digest = digest_of(self._folder / name)
        self._put(digest, name)
        return digest

    def leave_out_what_is_gone(self) -> None:
        """From here on the list names only those of its files that are still there."""
        self._file.close()
        with self._path.open(encoding="utf-8") as lines:
            self._path.unlink()
            self._file, self.files, self.size_bytes = _new_list(self._path), 0, 0
            for line in lines:
                digest, _, name = line.rstrip("\n").partition("  ")
                if (self._folder / name).exists():
                    self._put(digest, name)

    def finish(self) -> None:
        self._file.close()
        os.sync()
        self._path.replace(self._folder / NAME)
        os.sync()

    def _put(self, digest: str, name: str) -> None:
        self._file.write(f"{digest}  {name}\n")
        self.files += 1
        self.size_bytes += (self._folder / name).stat().st_size


def _new_list(path: Path) -> TextIO:
    # The digests of pictures are nobody else's business either.
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")


def listed(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and digest of each file. Raises `ConfigurationError` for what is no list, or no whole one."""
    try:
        with (folder / NAME).open(encoding="utf-8") as file:
            for line in file:
                digest, separator, name = line.rstrip("\n").partition("  ")
                if not separator or len(digest) != hashlib.sha256().digest_size * 2:
                    raise ConfigurationError(f"{folder / NAME} is no list of files.")
                key_parts(name)
                yield name, digest
    except OSError as error:
        raise ConfigurationError(f"{folder} holds no whole backup: {NAME} cannot be read.") from error
    except ValueError as error:
        raise ConfigurationError(f"{folder / NAME} names files elsewhere.") from error
