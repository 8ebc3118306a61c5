"""Reading small JSON bodies: bounded, in time, and nothing that another reader would understand otherwise."""

import json
import math
from typing import Any

from fastapi import Request

from veilgate.api.request_body import chunks_in_time
from veilgate.domain.rejections import MalformedRequest, RequestTooLarge

LARGEST_JSON_BYTES = 64 * 1024


async def read_json_object(request: Request) -> dict[str, Any]:
    """The JSON object that is the body; `{}` when there is none.

    Raises `RequestTooLarge`, `MalformedRequest`, and what `chunks_in_time` raises.
    """
    body = bytearray()
    async for chunk in chunks_in_time(request):
        body += chunk
        if len(body) > LARGEST_JSON_BYTES:
            raise RequestTooLarge(f"A JSON body may have at most {LARGEST_JSON_BYTES} bytes.")
    if not body:
        return {}
    try:
        document = _parsed(body.decode())
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not JSON.") from None
    if not isinstance(document, dict):
        raise MalformedRequest("The body must be a JSON object.")
    return document


def _parsed(text: str) -> Any:
    """Raises `ValueError` for what Python reads although it has no one meaning: `NaN`, a number beyond all
    numbers, a member that comes twice, half of a surrogate pair."""
    document = json.loads(
        text, parse_constant=_refused, parse_float=_finite, object_pairs_hook=_without_repeats
    )
    # Halves of pairs hide in escapes, and would break the first UTF-8 that they are written to.
    json.dumps(document, ensure_ascii=False).encode()
    return document


def _refused(constant: str) -> float:
    raise ValueError(constant)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number


def _without_repeats(members: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(members)
    if len(document) < len(members):
        raise ValueError("a member comes twice")
    return document
