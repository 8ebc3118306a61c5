"""The bytes of a request body: in time, and as they are."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

from fastapi import Request
from starlette.exceptions import HTTPException

# A caller may be silent for this long, and must on the whole be faster than a modem.
_SILENCE_S = 30.0
_SLOWEST_BYTES_PER_S = 1000


async def chunks_in_time(request: Request) -> AsyncIterator[bytes]:
    """The body as it arrives. A connection costs memory, so that one that drips is given up with a 408; one
    that is compressed, as a bomb may be, is refused with a 415.

    Only waiting for the caller uses up patience, not what we do between two chunks. A client that goes away
    ends it with starlette's `ClientDisconnect`.
    """
    _refuse_encoded(request)
    stream = request.stream()
    loop = asyncio.get_running_loop()
    patience_s = _SILENCE_S
    while True:
        began_s = loop.time()
        try:
            async with asyncio.timeout(min(patience_s, _SILENCE_S)):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT, "The body of the request came too slowly."
            ) from error
        patience_s += len(chunk) / _SLOWEST_BYTES_PER_S - (loop.time() - began_s)
        yield chunk


def _refuse_encoded(request: Request) -> None:
    for given in request.headers.getlist("content-encoding"):
        if given.strip().lower() not in {"", "identity"}:
            raise HTTPException(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "Bodies are taken as they are, without a Content-Encoding.",
                {"Accept-Encoding": "identity"},
            )
