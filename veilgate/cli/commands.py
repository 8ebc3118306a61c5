"""The table of commands: a new command is one module and one line here."""

import argparse
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from veilgate import __version__
from veilgate.cli.console import CommandFailed, say
from veilgate.domain.errors import VeilgateError


@dataclass(frozen=True)
class Command:
    """A word of the command line, and the module that carries it out."""

    name: str
    module: str
    summary: str


class CommandModule(Protocol):
    """What a command's module offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


COMMANDS = (
    Command("up", "veilgate.cli.up", "run everything on this machine: Redis, gateway, workers, reconciler"),
    Command("jobs", "veilgate.cli.jobs", "list, show, retry, cancel and verify jobs, everybody's"),
    Command("images", "veilgate.cli.images", "erase images, everybody's"),
    Command("index", "veilgate.cli.index", "what images are found by: status, rebuild, reembed, verify"),
    Command("models", "veilgate.cli.models", "which models there are, and how well they find things"),
    Command("lookups", "veilgate.cli.lookups", "who is asked what pictures show: providers and their prices"),
    Command("cost", "veilgate.cli.cost", "what so many pictures would take and cost"),
    Command("keys", "veilgate.cli.keys", "create, list, revoke and rotate the keys that callers show"),
    Command("backup", "veilgate.cli.backup", "save rows and pictures of this machine to a folder, at work"),
    Command("restore", "veilgate.cli.restore", "make a house of what was saved, in an empty DATA_DIR"),
    Command("audit", "veilgate.cli.audit", "who saw originals, deleted, opened sessions or changed keys"),
)


def main(argv: Sequence[str]) -> int:
    """Runs the command that `argv` names and returns the exit code."""
    arguments = build_parser().parse_args(argv)
    module = _load(arguments.command)
    try:
        return module.run(arguments)
    except CommandFailed as failure:
        say(str(failure))
    except VeilgateError as error:
        say(error.message)
    return 1


def build_parser() -> argparse.ArgumentParser:
    """The whole command line, built from COMMANDS."""
    parser = argparse.ArgumentParser(
        prog="veilgate",
        description="Self-hosted image gateway: veils faces, finds vehicles, answers by HTTP.",
        epilog="Settings come from the environment and from .env; README.md lists them all.",
    )
    parser.add_argument("--version", action="version", version=f"veilgate {__version__}")
    words = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        word = words.add_parser(command.name, help=command.summary, description=f"{command.summary}.")
        word.set_defaults(command=command)
        _load(command).add_arguments(word)
    return parser


def _load(command: Command) -> CommandModule:
    return cast(CommandModule, importlib.import_module(command.module))
