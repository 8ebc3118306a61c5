"""A client's file name is data to show, never a path."""

import re

LONGEST_FILENAME = 255
# Controls, surrogates, and what breaks lines or turns the direction of writing.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def display_name(raw: str | None) -> str:
    """The last part of what the client sent, without control characters, at most 255 characters long."""
    last_part = re.split(r"[/\\]", raw or "")[-1]
    return _UNPRINTABLE.sub("", last_part).strip()[:LONGEST_FILENAME] or "unnamed"
