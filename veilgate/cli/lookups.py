"""`veilgate lookups …`: who is asked what pictures show, and what that costs."""

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from veilgate.cli.console import show
from veilgate.cli.house_command import run_in_house
from veilgate.cli.table import table_lines

if TYPE_CHECKING:
    from veilgate.cli.house import House
    from veilgate.services.overview.provider_overview import ProviderLine

_TITLES = (
    "PROVIDER",
    "STATE",
    "GIVES",
    "USD A UNIT",
    "A SECOND",
    "AT ONCE",
    "A DAY",
    "TODAY",
    "CACHED",
    "USD",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`providers`."""
    words = parser.add_subparsers(title="what to do", metavar="WHAT", dest="what", required=True)
    summary = "which providers are on, their prices and limits, and what they came to today"
    word = words.add_parser("providers", help=summary, description=f"{summary.capitalize()}.")
    word.add_argument("--json", action="store_true", help="one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """0 when it was done, 1 when not, 78 when a setting is wrong."""
    return run_in_house(lambda house: _show_providers(arguments, house))


def _show_providers(arguments: argparse.Namespace, house: "House") -> int:
    lines, daily_usd = house.provider_overview().lines(), house.lookup_daily_usd
    if arguments.json:
        show(json.dumps({"daily_usd": daily_usd, "providers": [asdict(line) for line in lines]}, indent=2))
        return 0
    for row in table_lines([_TITLES, *map(_row, lines)]):
        show(row)
    spent = f"today: {sum(line.usd_today for line in lines):.4f} US dollars"
    show(f"{spent} of {daily_usd:g} (LOOKUP_DAILY_USD)" if daily_usd else f"{spent}, without a limit")
    return 0


def _row(line: "ProviderLine") -> tuple[str, ...]:
    return (
        line.name,
        "on" if line.is_on else f"off: {', '.join(line.missing)}",
        line.gives,
        f"{line.usd_per_call:g}" if line.usd_per_call else "-",
        f"{line.per_second:.3g}",
        str(line.concurrency),
        f"{line.daily_calls:,}" if line.daily_calls else "-",
        f"{line.calls_today:,}",
        f"{line.cached_today:,}",
        f"{line.usd_today:.4f}",
    )
