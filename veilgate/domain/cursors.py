"""Cursors: where a page ended, in a form that callers hand back and do not look into."""

import binascii
import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from veilgate.domain.rejections import InvalidCursor

Place = Sequence[str | int | float]
LONGEST_CURSOR = 1000
_CHECK_BYTES = 8


def cursor_to(place: Place, *, of: str) -> str:
    """`of` says which list the place is in: the call and all that decides what is in its list."""
    text = json.dumps(list(place), separators=(",", ":")).encode()
    return urlsafe_b64encode(_check(text, of) + text).decode().rstrip("=")


def place_in(cursor: str, *, of: str) -> list[str | int | float]:
    """The place that a cursor of the same list leads to. Raises `InvalidCursor`.

    The check finds damage and mix-ups, not forgery: whoever makes one up finds only what is theirs, but the
    place may be of any texts and numbers.
    """
    if len(cursor) > LONGEST_CURSOR:
        raise InvalidCursor
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        if urlsafe_b64encode(raw).decode().rstrip("=") != cursor:
            raise InvalidCursor
        check, text = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        place = json.loads(text, parse_constant=_refused) if check == _check(text, of) else None
    except (binascii.Error, ValueError, RecursionError):
        raise InvalidCursor from None
    if not isinstance(place, list) or not all(type(part) in {str, int, float} for part in place):
        raise InvalidCursor
    return place


def _check(text: bytes, of: str) -> bytes:
    return hashlib.sha256(of.encode() + b"\n" + text).digest()[:_CHECK_BYTES]


def _refused(constant: str) -> float:
    raise ValueError(constant)
