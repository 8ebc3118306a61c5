"""`veilgate jobs …`: the operator's hand on everybody's jobs."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from veilgate.cli.ages import parse_age_ms
from veilgate.cli.house_command import limit, run_in_house
from veilgate.domain.jobs import JobStatus

if TYPE_CHECKING:
    from veilgate.cli.house import House


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`list`, `show`, `retry`, `cancel`, `requeue-missing` and `verify`."""
    words = parser.add_subparsers(title="what to do", metavar="WHAT", dest="what", required=True)
    for name, summary, add in (
        ("list", "jobs, the newest first; those that wait or run the oldest first", _list_arguments),
        ("show", "everything about one job", _show_arguments),
        ("retry", "submit failed or cancelled jobs again", _retry_arguments),
        ("cancel", "end jobs that wait or run", _cancel_arguments),
        ("requeue-missing", "put what waits and is on no list on its list now", _no_arguments),
        ("verify", "whether database, object store and queue agree", _verify_arguments),
    ):
        word = words.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        add(word)
        word.set_defaults(word=word)


def run(arguments: argparse.Namespace) -> int:
    """0 when it was done, 1 when not (all), 78 when a setting is wrong."""
    _check_together(arguments)
    return run_in_house(lambda house: _action(arguments.what)(arguments, house))


def _action(what: str) -> "Callable[[argparse.Namespace, House], int]":
    # Here, because `veilgate up` reads this module too and needs none of them.
    from veilgate.cli import jobs_control, jobs_listing, jobs_verification

    return {
        "list": jobs_listing.list_jobs,
        "show": jobs_listing.show_job,
        "retry": jobs_control.retry,
        "cancel": jobs_control.cancel,
        "requeue-missing": jobs_control.requeue_missing,
        "verify": jobs_verification.verify,
    }[what]


def _check_together(arguments: argparse.Namespace) -> None:
    if arguments.what != "retry":
        return
    if bool(arguments.ids) == arguments.failed:
        arguments.word.error("name jobs, or say --failed")
    if arguments.code and not arguments.failed:
        arguments.word.error("--code goes with --failed")


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--status",
        nargs="+",
        metavar="STATUS",
        default=[],
        choices=[str(status) for status in JobStatus],
        help=f"only these: {', '.join(JobStatus)}",
    )
    parser.add_argument(
        "--older-than", type=parse_age_ms, default=0, metavar="AGE", help="made so long ago: 90s, 10m, 2h, 3d"
    )
    parser.add_argument("--image", metavar="ID", help="only jobs of this image")
    parser.add_argument("--limit", type=limit, default=50, metavar="N", help="at most so many (50)")
    _json_argument(parser)


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    _json_argument(parser)


def _retry_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--failed", action="store_true", help="all that failed")
    parser.add_argument("--code", help="with --failed: only those with this error code")


def _cancel_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="+", metavar="ID")


def _no_arguments(_parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repair", action="store_true", help="put right what can be")
    parser.add_argument("--deep", action="store_true", help="read every original and compare its SHA-256")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, the last is the summary")


def _json_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document")
