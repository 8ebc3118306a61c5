"""Reading small JSON bodies, bounded."""

import json
from typing import Any

from fastapi import Request

from veilgate.domain.errors import MalformedRequest, RequestTooLarge

LARGEST_JSON_BYTES = 64 * 1024


async def read_json_object(request: Request) -> dict[str, Any]:
    """The JSON object that is the body; `{}` when there is none.

    Raises `RequestTooLarge` or `MalformedRequest`.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_JSON_BYTES:
            raise RequestTooLarge(f"A JSON body may have at most {LARGEST_JSON_BYTES} bytes.")
    if not body:
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not JSON.") from None
    if not isinstance(document, dict):
        raise MalformedRequest("The body must be a JSON object.")
    return document
