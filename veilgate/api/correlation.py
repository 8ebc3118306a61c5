"""One id for everything that one request sets off: taken from the caller or made, logged, sent back."""

import re
import time
from collections.abc import Callable
from http import HTTPStatus
from uuid import uuid4

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from veilgate.api.problems import problem
from veilgate.api.request_metrics import count_answer
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_HEADER = b"x-request-id"
_ACCEPTABLE = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PROBES = frozenset({"/ready", "/health"})
_EVERY_ANSWER = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
# Of what is no page: whatever a browser takes it for, nothing in it acts and nobody frames it.
_INERT = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


class CorrelationMiddleware:
    """Around all that answers: each answer carries the id, and each request leaves one log line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
        correlation_id = given.decode() if _ACCEPTABLE.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        began_s, status = time.monotonic(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                count_answer(scope, status, time.monotonic() - began_s)
                headers = [*message["headers"], (_HEADER, correlation_id.encode()), *_EVERY_ANSWER]
                has_policy = any(name == _INERT[0] for name, _ in headers)
                message["headers"] = headers if has_policy else [*headers, _INERT]
            await send(message)

        with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                # The boundary: whatever it was, the caller gets an answer, and the log the traceback.
                _log.exception("request.failed")
                if status:
                    raise
                answer = problem(500, "internal", "Something went wrong on our side.")
                await answer(scope, receive, send_with_id)
            finally:
                took_ms = round((time.monotonic() - began_s) * 1000, 1)
                route = getattr(scope.get("route"), "path", "unknown")
                say = _voice(route, status)
                say("request.answered", method=scope["method"], route=route, status=status, ms=took_ms)


def _voice(route: str, status: int) -> Callable[..., object]:
    """What is our fault is said at every LOG_LEVEL. Probes come every second and say nothing new."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _log.error
    return _log.debug if route in _PROBES else _log.info
