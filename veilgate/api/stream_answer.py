"""An answer that goes on as long as there is something to tell, for a reader who takes it in."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, nullcontext

from fastapi.responses import Response
from starlette.types import Message, Receive, Scope, Send

from veilgate.api.callers import Guest
from veilgate.api.container import Container
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
# The server holds 64 kB for a reader, and asks for no more until it has taken three quarters of them. Who
# does not in this time is slower than 1.6 kB/s, or gone.
_UNREAD_S = 30.0
# Between ending the connection and hearing that it has ended.
_END_S = 1.0


class ReaderTooSlow(Exception):
    """What was written last has waited too long to be taken."""


class StreamAnswer(Response):
    """Sends each piece as it comes. `held` is left when the stream ends, however it does. A reader who takes
    nothing for 30 s while there is more is cut off; one who goes away ends the stream at once."""

    def __init__(self, pieces: AsyncGenerator[bytes], held: AsyncExitStack, *, media_type: str) -> None:
        super().__init__(
            media_type=media_type, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        # Nobody knows how long it will be.
        self.raw_headers = [pair for pair in self.raw_headers if pair[0] != b"content-length"]
        self._pieces = pieces
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            leaving = asyncio.create_task(_until_gone(receive))
            sending = asyncio.create_task(self._send_all(send))
            try:
                await asyncio.wait({leaving, sending}, return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    sending.result()
            except ReaderTooSlow:
                _log.info("stream.cut", unread_s=_UNREAD_S)
                scope["state"]["cut"]()
                await asyncio.wait({leaving}, timeout=_END_S)
            finally:
                leaving.cancel()
                sending.cancel()
                await asyncio.wait({leaving, sending})

    async def _send_all(self, send: Send) -> None:
        async with aclosing(self._pieces) as pieces:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await _send_in_time(send, start)
            async for piece in pieces:
                await _send_in_time(send, {"type": "http.response.body", "body": piece, "more_body": True})
        await _send_in_time(send, {"type": "http.response.body", "body": b""})


def place_of(guest: Guest, parts: Container) -> AbstractAsyncContextManager[None]:
    """One of the streams that the caller may have open. Entering it raises `RateLimited` when all are."""
    return parts.door.quotas.stream(guest.limited_as) if guest.limited_as else nullcontext()


async def _send_in_time(send: Send, message: Message) -> None:
    try:
        async with asyncio.timeout(_UNREAD_S):
            await send(message)
    except TimeoutError as error:
        raise ReaderTooSlow from error


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
