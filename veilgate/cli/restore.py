"""`veilgate restore`: what `veilgate backup` saved becomes the house of an empty DATA_DIR."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from veilgate.cli.console import StatusLine, complain, show
from veilgate.cli.house_command import run_in_house
from veilgate.cli.instance_lock import instance_lock

if TYPE_CHECKING:
    from veilgate.cli.house import House

_MOST_NAMED = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder."""
    parser.add_argument("folder", type=_absolute, metavar="DIR", help="where `veilgate backup` saved to")


def run(arguments: argparse.Namespace) -> int:
    """0 when all is restored, 1 when the backup is damaged, 78 when DATA_DIR holds a house or one runs."""
    return run_in_house(lambda house: _restore(arguments.folder, house))


def _restore(folder: Path, house: "House") -> int:
    from veilgate.services.backup.restoring import damaged_files, require_empty, restore

    line = StatusLine()
    database_file, data_dir = house.embedded_places()
    with instance_lock(data_dir, holder="veilgate restore"):
        require_empty(data_dir, database_file)
        damaged = damaged_files(folder, progress=lambda number: line.put(f"{number:,} files checked"))
        line.put("")
        for name in damaged[:_MOST_NAMED]:
            complain(f"{folder / name} is missing or holds other bytes than were saved")
        if damaged:
            complain(f"{len(damaged):,} files are damaged; nothing was restored")
            return 1
        number = restore(folder, data_dir, database_file)
    show(f"restored {number:,} files and the database to {data_dir}")
    show("start the house, then: veilgate jobs verify --deep")
    return 0


def _absolute(text: str) -> Path:
    return Path(text).absolute()
