"""Reading JSON of strangers: what is missing, or is of another kind than it should be, is not there."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from veilgate.domain.storable_texts import storable

# As many rows of one kind as anybody looks at.
MOST_ROWS = 20
_LONGEST_TEXT = 300
_LONGEST_ADDRESS = 2048
# More than of any text, or address, is read.
_LONGEST_KEPT = 3000
_MARKUP = re.compile(r"<[^<>]*>")
# No more digits than a price has: `Decimal` takes "1e999999" too, and whoever adds to that waits for ever.
_PLAIN_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,6})?")


def entry(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def entries(value: Any, *, most: int = MOST_ROWS) -> list[Mapping[str, Any]]:
    """The objects of a list, as many as are looked at."""
    rows: list[Mapping[str, Any]] = (
        [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    )
    return rows[:most]


def picked(value: Any, *names: str) -> dict[str, Any]:
    """What is worth keeping of an object: what it says plainly under these names, and no more of a text than
    is read."""
    row = entry(value)
    return {name: plain(row[name]) for name in names if name in row}


def plain(value: Any) -> Any:
    """A number, a text or a yes, and None of all else."""
    if isinstance(value, str):
        return value[:_LONGEST_KEPT]
    return value if isinstance(value, int | float) else None


def text(value: Any) -> str | None:
    """On one line, without surrounding white space, and not longer than anybody reads."""
    if not isinstance(value, str):
        return None
    return " ".join(storable(value[: 4 * _LONGEST_TEXT]).split())[:_LONGEST_TEXT] or None


def plain_text(value: Any) -> str | None:
    """As `text`, of what may have HTML in it."""
    return text(unescape(_MARKUP.sub("", value))) if isinstance(value, str) else None


def number(value: Any) -> float | None:
    """Also one that is written as a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def share(value: Any) -> float | None:
    """A number from 0 to 1; what lies outside is no share."""
    found = number(value)
    return None if found is None or not 0 <= found <= 1 else found


def amount(value: Any) -> Decimal | None:
    """Of money: more than nothing, and written plainly, as a number or a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    written = str(value).strip()
    if not _PLAIN_AMOUNT.fullmatch(written):
        return None
    try:
        found = Decimal(written)
    except InvalidOperation:
        return None
    return found if found > 0 else None


def web_address(value: Any) -> str | None:
    """An http(s) address of a host, which is not checked otherwise: nobody fetches it here."""
    if not isinstance(value, str) or len(value) > _LONGEST_ADDRESS or not value.isprintable():
        return None
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return None
    return value.strip() if parts.scheme in {"http", "https"} and parts.hostname else None
