"""Routes that know who calls before anything of the request is read."""

from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.types import Message, Receive, Scope, Send

from veilgate.api.access import Door, needs_of
from veilgate.api.callers import Guest
from veilgate.api.container import Container, container_of
from veilgate.api.request_metrics import show_route
from veilgate.domain import access
from veilgate.domain.errors import Forbidden, Refused, Unavailable

_COUNTED_AT_ONCE_BYTES = 1 << 20
SHOWS_A_KEY: list[dict[str, list[str]]] = [{"key": []}, {"apiKeyHeader": []}]


class GuardedRoute(APIRoute):
    """Asks who calls, whether they may, and whether they have not asked too often; then as any route."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **settings: Any) -> None:
        super().__init__(path, endpoint, **settings)
        show_route(self.path, self.methods or ())
        self.needs = needs_of(self.path, self.methods or set())
        if self.needs is not Door.OPEN and self.needs is not Door.GREETED:
            self.openapi_extra = {"security": SHOWS_A_KEY, **(self.openapi_extra or {})}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.needs is not Door.OPEN and scope["method"] in (self.methods or ()):
            request = Request(scope)
            parts = container_of(request)
            guest = await self._greet(request, parts)
            scope["state"]["guest"] = guest
            # Who may go away again without being known is a probe: it must not be told to come later.
            if guest and guest.limited_as and self.needs is not Door.GREETED:
                receive = await _count(request, receive, parts=parts, subject=guest.limited_as)
            if guest and isinstance(self.needs, access.Scope) and self.needs not in guest.caller.scopes:
                raise Forbidden(f"This needs the scope '{self.needs}'.")
        await self.answer(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request of a caller who may make it."""
        await super().handle(scope, receive, send)

    async def _greet(self, request: Request, parts: Container) -> Guest | None:
        """Who calls; None of somebody who need not be known. Raises a `Refused` leaf."""
        try:
            return await parts.door.callers.identify(request)
        except (Refused, Unavailable):
            if self.needs is Door.GREETED:
                return None
            raise


async def _count(request: Request, receive: Receive, *, parts: Container, subject: str) -> Receive:
    """Count the request now, and its bytes as they come: that is where `RateLimited` is raised."""
    await parts.door.quotas.admit_request(subject)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 20:
        parts.door.quotas.require_possible(int(declared))
    uncounted = 0

    async def counting() -> Message:
        """What has arrived counts, whatever was announced: most of it may never come."""
        nonlocal uncounted
        message = await receive()
        uncounted += len(message.get("body", b""))
        if uncounted >= _COUNTED_AT_ONCE_BYTES or not message.get("more_body", False):
            size, uncounted = uncounted, 0
            await parts.door.quotas.admit_bytes(subject, size)
        return message

    return counting
