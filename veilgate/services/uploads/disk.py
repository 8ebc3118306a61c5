"""The room that is left on the disks that uploads are written to."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from veilgate.domain.errors import DiskFull


@dataclass(frozen=True, slots=True)
class Disk:
    """The file systems of these folders, of which several may share one.

    Each is full when there is no room for another upload of the largest size, `needed_bytes`. Filled to the
    last byte it would also stop the database, the workers and Redis, whose files often lie beside.
    """

    folders: tuple[Path, ...]
    needed_bytes: int

    def free_bytes(self) -> int:
        """What is free where least is. A folder that cannot be looked at is for others to complain of."""
        free = []
        for folder in self.folders:
            with suppress(OSError):
                free.append(shutil.disk_usage(_existing(folder)).free)
        return min(free, default=self.needed_bytes)

    def require_room(self) -> None:
        """Raises `DiskFull`."""
        free_bytes = self.free_bytes()
        if free_bytes < self.needed_bytes:
            raise DiskFull(
                f"The disk has {free_bytes} bytes left, and an upload may need {self.needed_bytes}."
            )


def _existing(folder: Path) -> Path:
    """The folder, or the one in which it will be made."""
    return next((path for path in (folder, *folder.parents) if path.exists()), folder)
