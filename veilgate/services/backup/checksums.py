"""What a backup holds: a line for each file, as `sha256sum --check` reads them, written when all is there."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

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
        self._file = self._path.open("w", encoding="utf-8")

    def add(self, name: str) -> str:
        """Reads the file once more, so that what is written down is what is there."""
        digest = digest_of(self._folder / name)
        self._file.write(f"{digest}  {name}\n")
        return digest

    def finish(self) -> None:
        self._file.close()
        os.sync()
        self._path.replace(self._folder / NAME)
        os.sync()


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
