"""`veilgate cost`: what so many pictures would take and cost."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from veilgate.cli.console import show
from veilgate.cli.house_command import run_in_house
from veilgate.cli.table import table_lines

if TYPE_CHECKING:
    from veilgate.cli.house import House
    from veilgate.domain.cost import MachineEstimate
    from veilgate.services.overview.cost import CostEstimate

_UNKNOWN = "?"
_TITLES = ("MACHINE", "USD AN HOUR", "IMAGES A SECOND", "HOURS", "USD", "MEASURED")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=_count, required=True, metavar="N", help="how many pictures")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """0 when it was shown, 1 when the database is away, 78 when a setting is wrong."""
    return run_in_house(lambda house: _show_cost(arguments, house))


def _show_cost(arguments: argparse.Namespace, house: "House") -> int:
    found = house.cost_estimates().of(arguments.images)
    if arguments.json:
        show(json.dumps(asdict(found), indent=2))
        return 0
    for line in _lines(found):
        show(line)
    return 0


def _lines(found: "CostEstimate") -> Iterator[str]:
    yield f"{found.images:,} pictures. Prices: {found.prices}."
    yield ""
    yield from table_lines([_TITLES, *map(_row, found.machines)])
    yield ""
    if found.pace is None:
        yield "This house has veiled too few pictures lately to measure its own pace."
    else:
        yield (
            f"Its own pace is that of one worker process while it has work, the mean of "
            f"{found.pace.workers}, times NUM_WORKERS ({found.workers_a_machine})."
        )
    storage, lookups = found.storage, found.lookups
    yield f"Storage: {_amount(storage.gb)} GB, {_amount(storage.usd_a_month)} USD a month."
    yield (
        f"Lookups, if every picture is looked up: {_amount(lookups.usd)} USD "
        f"({_amount(lookups.each_usd, digits=4)} each; {lookups.measured})."
    )


def _row(machine: "MachineEstimate") -> tuple[str, ...]:
    return (
        f"{machine.name} (here)" if machine.is_here else machine.name,
        _amount(machine.usd_an_hour),
        _amount(machine.images_a_second),
        _amount(machine.hours),
        _amount(machine.usd),
        machine.measured,
    )


def _amount(value: float | None, *, digits: int = 2) -> str:
    return _UNKNOWN if value is None else f"{value:,.{digits}f}"


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError("a number from 1 up")
    return int(text)
