"""Requests for a part of a file (RFC 9110, section 14)."""

import re

from fastapi import Request

from veilgate.domain.rejections import RangeNotSatisfiable

# One range; of several the whole file is sent, as of what is no range at all.
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


def asks_for_part(request: Request, etag: str) -> bool:
    """Whether a range is asked for, and of this version of the file (`If-Range` takes no other, and no date:
    we send none)."""
    return "range" in request.headers and request.headers.get("if-range", etag) == etag


def range_in(request: Request, size_bytes: int) -> tuple[int, int] | None:
    """The first and the last byte that are asked for; None where the whole file is to be sent.

    Raises `RangeNotSatisfiable`.
    """
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    first_text, last_text = asked.groups() if asked else ("", "")
    if not first_text and not last_text:
        return None
    if first_text:
        first, last = int(first_text), min(int(last_text or size_bytes), size_bytes - 1)
        if last_text and int(last_text) < first:
            return None
    else:
        first, last = max(0, size_bytes - int(last_text)), size_bytes - 1
    if first >= size_bytes:
        raise RangeNotSatisfiable
    return first, last
