"""`veilgate index status`."""

import argparse
import json
from dataclasses import asdict
from typing import Any

from veilgate.cli.console import complain, show
from veilgate.cli.house import House
from veilgate.cli.table import moment, table_lines
from veilgate.services.finding.index_status import IndexStatus, index_status

_MODEL_TITLES = ("MODEL", "STATE", "SINCE", "EMBEDDED", "CANNOT", "MISSING", "JUDGED TO")
_SERVER_TITLES = ("SERVER", "MODEL", "ROLE", "STATE", "SIZE", "SEQ", "BEHIND", "LAG")


def show_status(arguments: argparse.Namespace, house: House) -> int:
    """Always 0: `verify` judges."""
    status = index_status(house.database, house.who_is_present)
    if arguments.json:
        show(json.dumps(asdict(status), indent=2))
        return 0
    show(f"log: {status.log_seq:,} entries so far")
    if not status.models:
        show("no search server has run on this database yet")
    else:
        _show_rows(_MODEL_TITLES, _model_rows(status))
    if status.servers is None:
        complain("REDIS_URL: Redis cannot be reached; which search servers run is not known.")
    elif not status.servers:
        show("no search server is at work")
    else:
        _show_rows(_SERVER_TITLES, _server_rows(status.servers))
    return 0


def _show_rows(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    show("")
    for line in table_lines([titles, *rows]):
        show(line)


def _model_rows(status: IndexStatus) -> list[tuple[str, ...]]:
    return [
        (
            model.model_id,
            str(model.state),
            moment(model.changed_at_ms),
            f"{model.vectors:,}",
            f"{model.failures:,}",
            f"{model.missing:,}",
            f"{model.judged_to:,}",
        )
        for model in status.models
    ]


def _server_rows(servers: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            server["name"] + (" (leads)" if server["leads"] else ""),
            index["model"],
            index["role"],
            index["state"],
            f"{index['size']:,}",
            f"{index['seq']:,}",
            f"{index['behind']:,}",
            f"{index['lag_s']:g} s",
        )
        for server in servers
        for index in server["indexes"]
    ]
