"""A backup becomes a house again, where there is none."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from veilgate.domain.errors import ConfigurationError, DiskFull
from veilgate.persistence.unfinished_restore import waiting_database
from veilgate.services.backup.backing_up import DATABASE, OBJECTS
from veilgate.services.backup.checksums import digest_of, listed

# What a house that has run leaves in its folder, and what is no hindrance.
_OF_A_HOUSE = (OBJECTS, "redis", "search", "incoming")
_CHUNK_BYTES = 1 << 20


def require_empty(data_dir: Path, database_file: Path) -> None:
    """Raises `ConfigurationError` where a house lives or has lived."""
    # A log that was left beside a database would be played into the one that is restored.
    of_database = (database_file.with_name(f"{database_file.name}{end}") for end in ("", "-wal", "-journal"))
    is_begun = waiting_database(database_file).exists()  # then the pictures are those of that restore
    folders = [data_dir / name for name in _OF_A_HOUSE if not (is_begun and name == OBJECTS)]
    places = (*of_database, *folders)
    if leftovers := [path for path in places if _holds_files(path)]:
        raise ConfigurationError(
            f"DATA_DIR: there is a house already ({leftovers[0]}): move it away, or name another folder"
        )


def damaged_files(folder: Path, *, progress: Callable[[int], None]) -> list[str]:
    """The names of those that are missing or hold other bytes than were saved. Raises `ConfigurationError`
    when it is no whole backup."""
    damaged, has_database = [], False
    for number, (name, digest) in enumerate(listed(folder), start=1):
        has_database = has_database or name == DATABASE
        if name != DATABASE and not name.startswith(f"{OBJECTS}/"):
            raise ConfigurationError(f"{folder} is no backup of ours: it names {name}.")
        try:
            is_good = digest_of(folder / name) == digest
        except OSError:
            is_good = False
        if not is_good:
            damaged.append(name)
        progress(number)
    if not has_database:
        raise ConfigurationError(f"{folder} holds no whole backup: there is no {DATABASE} in its list.")
    return damaged


def restore(folder: Path, data_dir: Path, database_file: Path) -> int:
    """Returns how many files there are beside the database. Until it has its name, as the last step, nobody
    opens this house, and a restore that was cut off may be begun again."""
    number, objects, waiting = 0, data_dir / OBJECTS, waiting_database(database_file)
    try:
        objects.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(PermissionError):  # where a disk is mounted; our files are closed by themselves
            objects.chmod(0o700)
        if waiting.exists():
            _discard_files(objects)
            os.sync()
            waiting.unlink()
        _copy(folder / DATABASE, waiting)
        os.sync()
        for name, _ in listed(folder):
            if name != DATABASE:
                _copy(folder / name, data_dir / name)
                number += 1
        os.sync()
        waiting.replace(database_file)
        os.sync()
    except OSError as error:
        raise DiskFull(f"The backup cannot be restored: {error.strerror} ({error.filename}).") from error
    return number


def _discard_files(folder: Path) -> None:
    # The folder itself may be a link, or where a disk is mounted.
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with source.open("rb") as old, os.fdopen(os.open(target, flags, 0o600), "wb") as new:
        shutil.copyfileobj(old, new, _CHUNK_BYTES)


def _holds_files(path: Path) -> bool:
    return path.is_file() or any(found.is_file() for found in path.rglob("*"))
