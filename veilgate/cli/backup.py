"""`veilgate backup`: rows and pictures of the embedded default, while it runs."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from veilgate.cli.console import StatusLine, complain, show
from veilgate.cli.house_command import run_in_house

if TYPE_CHECKING:
    from veilgate.cli.house import House


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder."""
    parser.add_argument("folder", type=_absolute, metavar="DIR", help="a new or empty folder to save to")


def run(arguments: argparse.Namespace) -> int:
    """0 when all is saved, 1 when files are lost, unreadable or damaged or something is away, 78 for settings
    that lead to servers."""
    return run_in_house(lambda house: _back_up(arguments.folder, house))


def _back_up(folder: Path, house: "House") -> int:
    from veilgate.services.backup.backing_up import Backup

    line, started_s = StatusLine(), time.monotonic()
    database_file, _ = house.embedded_places()
    backup = Backup(database_file, house.store, folder)
    saved = backup.run(progress=lambda number: line.put(f"{number:,} files"))
    line.put("")
    took_s = time.monotonic() - started_s
    show(f"saved {saved.files:,} files of {saved.size_bytes:,} bytes and the database in {took_s:.1f} s")
    for key in saved.damaged:
        complain(f"{key} holds other bytes than were sent; it was saved as it is")
    for key in saved.lost:
        complain(f"{key} was lost before, it was not erased meanwhile: veilgate jobs verify says of what")
    for key in saved.unreadable:
        complain(f"{key} is there, but cannot be read; it is not in the backup")
    return 0 if saved.is_whole else 1


def _absolute(text: str) -> Path:
    # Before the command goes to the house's folder.
    return Path(text).absolute()
