"""Identifiers: version 7 UUIDs (RFC 9562), which begin with the time: new rows stay together in the index."""

import os
import re
import time
from uuid import UUID

# Ids carry the clock of the gateway that made them, rows the database's; so far apart they may be.
CLOCKS_APART_MS = 600_000
_UUID_PATTERN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def new_id(*, after: str | None = None) -> str:
    """A fresh identifier; ids made later sort later (to the millisecond). With `after`, it sorts behind that
    one even where the clock that made it was ahead of ours."""
    unix_ms = time.time_ns() // 1_000_000
    if after is not None:
        unix_ms = max(unix_ms, made_at_ms(after) + 1)
    return uuid7(unix_ms=unix_ms, random=int.from_bytes(os.urandom(10), "big"))


def uuid7(*, unix_ms: int, random: int) -> str:
    """Lay out a version 7 UUID from a time in milliseconds and 80 random bits (74 are used)."""
    value = (unix_ms & (2**48 - 1)) << 80
    value |= 0x7 << 76 | (random >> 68 & 0xFFF) << 64
    value |= 0b10 << 62 | random & (2**62 - 1)
    return str(UUID(int=value))


def is_id(text: str) -> bool:
    """Whether the text has the form of one of our identifiers."""
    return _UUID_PATTERN.fullmatch(text) is not None


def made_at_ms(identifier: str) -> int:
    """When it was made, in milliseconds since 1970, by the clock of the process that made it."""
    return UUID(identifier).int >> 80
