"""`veilgate audit`: what is written down about originals, deletions, sessions and keys."""

import argparse
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from veilgate.cli.ages import parse_age_ms
from veilgate.cli.console import show
from veilgate.cli.house_command import limit, run_in_house
from veilgate.cli.table import moment, table_lines

if TYPE_CHECKING:
    from veilgate.cli.house import House

_TITLES = ("when (UTC)", "action", "owner", "actor", "subject", "client", "request")
_WEEK_MS = 7 * 86_400_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How far back, how many, and for whom."""
    parser.add_argument(
        "--since", type=parse_age_ms, default=_WEEK_MS, metavar="AGE", help="how far back (7d)"
    )
    parser.add_argument("--limit", type=limit, default=50, metavar="N", help="at most so many (50)")
    parser.add_argument("--owner", help="only what is this owner's")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """0 when it was done, 1 when not, 78 when a setting is wrong."""
    return run_in_house(lambda house: _list(arguments, house))


def _list(arguments: argparse.Namespace, house: "House") -> int:
    from veilgate.services.access.audit import Audit

    found = Audit(house.database).list(
        since_ms=round(time.time() * 1000) - arguments.since, limit=arguments.limit, owner_id=arguments.owner
    )
    if arguments.json:
        show(json.dumps({"entries": [asdict(entry) for entry in found]}))
        return 0
    rows = [
        (
            moment(entry.at_ms),
            entry.action,
            entry.owner_id,
            entry.actor,
            entry.subject,
            entry.client or "-",
            entry.correlation_id or "-",
        )
        for entry in found
    ]
    for line in table_lines([_TITLES, *rows]):
        show(line)
    return 0
