"""`veilgate keys …`: who may call, and what for."""

import argparse
import json
import os
import pwd
from dataclasses import asdict
from typing import TYPE_CHECKING

from veilgate.cli.ages import parse_age_ms
from veilgate.cli.console import complain, show
from veilgate.cli.house_command import run_in_house
from veilgate.cli.table import moment, table_lines
from veilgate.domain.access import Scope

if TYPE_CHECKING:
    from veilgate.cli.house import House
    from veilgate.services.access.keys import Keys, NewKey

_TITLES = ("prefix", "owner", "name", "scopes", "state", "created", "expires", "last used")
_DAY_MS = 86_400_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`create`, `list`, `revoke` and `rotate`."""
    words = parser.add_subparsers(title="what to do", metavar="WHAT", dest="what", required=True)
    for name, summary, add, action in (
        ("create", "make a key, which is shown this once", _create_arguments, _create),
        ("list", "keys without their secrets, the oldest first", _list_arguments, _list),
        ("revoke", "end a key, within five seconds everywhere", _prefix_argument, _revoke),
        ("rotate", "make a key in place of another, which ends a while later", _rotate_arguments, _rotate),
    ):
        word = words.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        add(word)
        word.set_defaults(action=action)


def run(arguments: argparse.Namespace) -> int:
    """0 when it was done, 1 when not, 78 when a setting is wrong."""

    def act(house: "House") -> int:
        from veilgate.services.access.keys import Keys

        code: int = arguments.action(arguments, Keys(house.database, actor=f"cli:{unix_user()}"))
        return code

    return run_in_house(act)


def _create(arguments: argparse.Namespace, keys: "Keys") -> int:
    _show_new(
        keys.create(
            arguments.owner,
            arguments.scopes,
            name=arguments.name,
            expires_in_s=arguments.expires // 1000 if arguments.expires else None,
        )
    )
    return 0


def _list(arguments: argparse.Namespace, keys: "Keys") -> int:
    found = keys.list(arguments.owner)
    if arguments.json:
        show(json.dumps({"keys": [{**asdict(key), "scopes": sorted(key.scopes)} for key in found]}))
        return 0
    rows = [
        (
            key.prefix,
            key.owner_id,
            key.name or "-",
            ",".join(sorted(key.scopes)),
            key.state,
            *(moment(at_ms) for at_ms in (key.created_at_ms, key.expires_at_ms, key.last_used_at_ms)),
        )
        for key in found
    ]
    for line in table_lines([_TITLES, *rows]):
        show(line)
    return 0


def _revoke(arguments: argparse.Namespace, keys: "Keys") -> int:
    done = "revoked" if keys.revoke(arguments.prefix) else "was revoked before"
    show(f"{arguments.prefix}  {done}")
    return 0


def _rotate(arguments: argparse.Namespace, keys: "Keys") -> int:
    _show_new(keys.rotate(arguments.prefix, overlap_s=arguments.overlap // 1000))
    complain(f"the old one, {arguments.prefix}, is good until the overlap ends: see `veilgate keys list`")
    return 0


def _show_new(key: "NewKey") -> None:
    """The key alone on stdout, for programs; what people should know goes beside it."""
    show(key.text)
    until = moment(key.record.expires_at_ms)
    ends = f"It is good until {until} UTC." if key.record.expires_at_ms else "It is good until it is revoked."
    complain(f"this is the key {key.record.prefix}; it is not shown again. {ends}")


def unix_user() -> str:
    """Who runs this, by the system's word: USER and LOGNAME may say anything."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container nobody may have a name
        return str(os.getuid())


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--owner", required=True, help="whose pictures it reaches: only those of this owner")
    parser.add_argument("--name", default="", help="what it is for, to tell keys of an owner apart")
    parser.add_argument(
        "--scopes",
        type=_scopes,
        default=frozenset({Scope.UPLOAD, Scope.READ}),
        metavar="SCOPES",
        help=f"with commas, of {', '.join(Scope)}; without this upload,read",
    )
    parser.add_argument(
        "--expires", type=parse_age_ms, metavar="AGE", help="how long it is good: 12h, 90d; else for ever"
    )


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--owner", help="only keys of this owner")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def _rotate_arguments(parser: argparse.ArgumentParser) -> None:
    _prefix_argument(parser)
    parser.add_argument(
        "--overlap",
        type=parse_age_ms,
        default=_DAY_MS,
        metavar="AGE",
        help="how long the old one is still good (24h)",
    )


def _prefix_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prefix", metavar="PREFIX", help="the part between the underscores of vg_…_…")


def _scopes(text: str) -> frozenset[Scope]:
    try:
        return frozenset(Scope(word.strip()) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"with commas, of {', '.join(Scope)}") from None
