"""`veilgate images erase`: what somebody asked to have deleted, whoever's it is."""

import argparse
from typing import TYPE_CHECKING

from veilgate.cli.console import StatusLine, complain, show
from veilgate.cli.house_command import run_in_house
from veilgate.cli.keys import unix_user
from veilgate.domain.errors import ImageNotFound

if TYPE_CHECKING:
    from veilgate.cli.house import House
    from veilgate.services.images.erase import AskedBy, Erase

_FILES_LEFT = "the object store is away: the reconciler deletes their files when it is back"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`erase`."""
    words = parser.add_subparsers(title="what to do", metavar="WHAT", dest="what", required=True)
    summary = "delete images for good: rows, files in every version, embedding; there is no way back"
    word = words.add_parser("erase", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    word.add_argument("ids", nargs="*", metavar="ID", help="of an image: the job_id of its upload")
    word.add_argument("--all-of", metavar="OWNER", help="every image of this owner; needs --yes")
    word.add_argument("--yes", action="store_true", help="with --all-of: do it")
    word.set_defaults(word=word)


def run(arguments: argparse.Namespace) -> int:
    """0 when all are gone, 1 when one was not found or files are left for later, 78 for a wrong setting."""
    if bool(arguments.ids) == bool(arguments.all_of):
        arguments.word.error("name images, or say --all-of OWNER")
    if bool(arguments.all_of) != arguments.yes:
        arguments.word.error("--all-of and --yes go together")
    return run_in_house(lambda house: _erase(arguments, house))


def _erase(arguments: argparse.Namespace, house: "House") -> int:
    from veilgate.services.images.erase import AskedBy

    erase, asked_by = house.erase, AskedBy(f"cli:{unix_user()}")
    if arguments.all_of:
        return _erase_all(arguments.all_of, erase, asked_by)
    return _erase_one_by_one(arguments.ids, erase, asked_by)


def _erase_all(owner: str, erase: "Erase", asked_by: "AskedBy") -> int:
    line, total = StatusLine(), 0

    def erased(number: int) -> None:
        nonlocal total
        total = number
        line.put(f"{number:,} erased")

    is_swept = erase.erase_all_of(owner, asked_by, erased=erased)
    line.put("")
    show(f"{total:,} {'image' if total == 1 else 'images'} of {owner} erased")
    if not is_swept:
        complain(_FILES_LEFT)
    return 0 if is_swept else 1


def _erase_one_by_one(ids: list[str], erase: "Erase", asked_by: "AskedBy") -> int:
    code = 0
    for image_id in ids:
        try:
            done = erase.erase(image_id, erase.owner_of(image_id), asked_by)
        except ImageNotFound as error:
            complain(f"{image_id}: {error.message}")
            code = 1
            continue
        show(f"{image_id}  erased")
        if not done.is_swept:
            complain(f"{image_id}: {_FILES_LEFT}")
            code = 1
    return code
