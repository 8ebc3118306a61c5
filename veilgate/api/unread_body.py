"""Answering before a request body was read to its end, so that the caller hears why."""

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Closing with bytes unread resets the connection, and the caller may never see the answer. So we read on for
# a moment; for ever would let a caller keep us busy with a body that nobody wants.
_READ_ON_BYTES = 8_000_000
_READ_ON_S = 2.0


class UnreadBodyMiddleware:
    """Closes the connection after an early answer, once the caller has had a moment to read it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive)
        is_early = False

        async def send_and_close(message: Message) -> None:
            nonlocal is_early
            if message["type"] == "http.response.start":
                is_early = not body.has_ended
                if is_early:
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            elif is_early and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await body.read_on()
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self._app(scope, body.receive, send_and_close)


class _Body:
    """A request body that knows whether all of it was read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.has_ended = False

    async def receive(self) -> Message:
        message = await self._receive()
        self.has_ended = self.has_ended or not message.get("more_body", False)
        return message

    async def read_on(self) -> None:
        left = _READ_ON_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(_READ_ON_S):
                while left > 0 and not self.has_ended:
                    left -= len((await self.receive()).get("body", b""))


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )
