"""`veilgate models …`: which models there are, and how well they do."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from veilgate.cli.console import StatusLine, complain, show
from veilgate.cli.house_command import run_in_house
from veilgate.cli.table import table_lines
from veilgate.domain.errors import ConfigurationError, ModelMissing, PictureFailed

if TYPE_CHECKING:
    from veilgate.cli.house import House
    from veilgate.services.evaluation.evaluation import Evaluation

_TITLES = ("ID", "KIND", "FILE", "LICENCE")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`list` and `evaluate`."""
    words = parser.add_subparsers(title="what to do", metavar="WHAT", dest="what", required=True)
    for name, summary in (
        ("list", "the models of the manifest, and whether their files are on this machine"),
        ("evaluate", "how well and how fast models find what is labelled in pictures, side by side"),
    ):
        word = words.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        word.add_argument("--json", action="store_true", help="one JSON document")
        if name == "evaluate":
            _add_evaluation(word)


def _add_evaluation(word: argparse.ArgumentParser) -> None:
    word.add_argument(
        "--model",
        type=_id_or_file,
        nargs="+",
        action="extend",
        required=True,
        metavar="ID",
        help="an id of the manifest or a file; the last is what the others' times are compared with",
    )
    word.add_argument(
        "--data", type=_absolute, required=True, metavar="DIR", help="holds images/ and labels/"
    )
    word.add_argument(
        "--classes",
        type=_names,
        default=(),
        metavar="NAMES",
        help="car,truck: what to tell apart (all that there are boxes of and a model finds)",
    )


def run(arguments: argparse.Namespace) -> int:
    """0 when it was done, 1 when a model is missing or a picture cannot be read, 78 when --model, --data,
    --classes or a setting is wrong."""
    action = {"list": _list, "evaluate": _evaluate}[arguments.what]
    return run_in_house(lambda house: action(arguments, house))


def _list(arguments: argparse.Namespace, house: "House") -> int:
    models = house.known_models()
    if arguments.json:
        show(json.dumps({"models": models}, indent=2))
        return 0
    for line in table_lines([_TITLES, *(tuple(model.values()) for model in models)]):
        show(line)
    return 0


def _evaluate(arguments: argparse.Namespace, house: "House") -> int:
    try:
        found = _measure(arguments, house)
    except ModuleNotFoundError as error:  # as in the gateway's container
        raise ConfigurationError(
            f"`veilgate models evaluate` needs {error.name}, which requirements.txt installs: "
            "run it where a worker does."
        ) from error
    except (ModelMissing, PictureFailed) as error:
        complain(error.message)
        return 1
    if arguments.json:
        show(json.dumps(asdict(found), indent=2))
        return 0
    from veilgate.cli.evaluation_table import evaluation_lines

    for line in evaluation_lines(found):
        show(line)
    return 0


def _measure(arguments: argparse.Namespace, house: "House") -> "Evaluation":
    from veilgate.services.evaluation.evaluation import evaluate
    from veilgate.services.evaluation.labelled_pictures import read_labelled_pictures
    from veilgate.services.evaluation.pixels import read_pixels

    pictures, line = read_labelled_pictures(arguments.data), StatusLine()
    contestants = [house.contestant(name) for name in arguments.model]
    try:
        return evaluate(
            contestants,
            pictures,
            read=lambda picture: read_pixels(picture.path, house.picture_limits),
            classes=arguments.classes,
            progress=lambda number: line.put(f"{number:,} of {len(pictures):,} pictures"),
        )
    finally:
        line.put("")


def _id_or_file(text: str) -> str:
    # Before the command goes to the house's folder. What is no file here is an id, or nothing.
    return str(Path(text).absolute()) if Path(text).is_file() else text


def _absolute(text: str) -> Path:
    return Path(text).absolute()


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError("names of classes with commas between them")
    return tuple(dict.fromkeys(names))
