"""`veilgate index …`: the operator's hand on what images are found by."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from veilgate.cli.house_command import run_in_house
from veilgate.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from veilgate.cli.house import House


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`status`, `rebuild`, `reembed` and `verify`."""
    words = parser.add_subparsers(title="what to do", metavar="WHAT", dest="what", required=True)
    for name, summary in (
        ("status", "models, what they have embedded, and how far each search server is"),
        ("rebuild", "have the indexes of the search server built anew from the database"),
        ("reembed", "embed what EMBEDDING_MODEL_PATH has not yet, and let it answer"),
        ("verify", "whether the index, the embeddings and the images agree"),
    ):
        word = words.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name in {"status", "verify"}:
            word.add_argument("--json", action="store_true", help="one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """0 when it was done or all agrees, 1 when not, 78 when a setting is wrong."""
    return run_in_house(lambda house: _action(arguments.what)(arguments, house))


def _action(what: str) -> "Callable[[argparse.Namespace, House], int]":
    # Here, because `veilgate up` reads this module too and needs none of them.
    try:
        from veilgate.cli import index_building, index_status, index_verification
    except ModuleNotFoundError as error:  # as in the gateway's container
        raise ConfigurationError(
            f"`veilgate index` needs {error.name}, which requirements.txt installs: run it where search does."
        ) from error

    return {
        "status": index_status.show_status,
        "rebuild": index_building.rebuild,
        "reembed": index_building.reembed,
        "verify": index_verification.verify,
    }[what]
