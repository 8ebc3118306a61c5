"""What the gateway counts of what it is asked: answers by route, pictures by their fate, open streams."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractContextManager
from functools import cache, wraps
from typing import Any, Literal, ParamSpec, TypeVar

from fastapi import Request
from starlette.types import Scope

from veilgate.domain.rejections import InputRejected
from veilgate.services.uploads.intake import AcceptedJob
from veilgate.telemetry.metrics import (
    HTTP_REQUEST_SECONDS,
    HTTP_REQUESTS,
    STREAMS_OPEN,
    UPLOAD_BYTES,
    UPLOADS,
    from_zero,
)

P = ParamSpec("P")
T = TypeVar("T")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Of addresses that are no route of ours, however many are tried, and of what was no HTTP.
UNKNOWN = "unknown"
_CLIENT_CLOSED_REQUEST = 499


from_zero(UPLOADS, ("accepted", "known", "refused"))
from_zero(STREAMS_OPEN, ("events", "classify", "wait"))


def show_route(path: str, methods: Iterable[str]) -> None:
    """Show answers by this route from now on, though there are none yet."""
    from_zero(HTTP_REQUESTS, methods, (path,), ("2xx", "4xx", "5xx"))


def count_answer(scope: Scope, status: int, first_byte_s: float) -> None:
    """At the first byte of it. Callers who went away before count among 4xx and not among the times."""
    route = getattr(scope.get("route"), "path", UNKNOWN)
    _counter(scope["method"], route, status // 100)()
    if status != _CLIENT_CLOSED_REQUEST and not scope["state"].get("is_long_poll"):
        _timer(route)(first_byte_s)


def count_unread(status: int) -> None:
    """An answer to what was not read as a request."""
    _counter("", UNKNOWN, status // 100)()


def stream_open(kind: Literal["events", "classify", "wait"]) -> AbstractContextManager[object]:
    """Somebody is being told of events as long as the block lasts."""
    return STREAMS_OPEN.labels(kind).track_inprogress()


def long_poll(request: Request) -> AbstractContextManager[object]:
    """An answer that waits on purpose: as a stream, and no slow answer."""
    request.scope["state"]["is_long_poll"] = True
    return stream_open("wait")


def count_taken(job: AcceptedJob) -> None:
    """One picture that was sent and is taken, or that there is an answer for."""
    UPLOADS.labels("accepted" if job.is_new else "known").inc()
    if job.is_new:
        UPLOAD_BYTES.inc(job.file_size)


def count_refused() -> None:
    """One picture that is not taken because of what it is, or of how it was sent."""
    UPLOADS.labels("refused").inc()


def counts_refusals(route: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Of a route that takes one picture a request."""

    @wraps(route)
    async def counting(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await route(*args, **kwargs)
        except InputRejected:
            count_refused()
            raise

    return counting


@cache  # to find a series by its labels takes as long as all the rest
def _counter(method: str, route: str, hundreds: int) -> Callable[[], None]:
    known = method if method in _METHODS else "other"
    return HTTP_REQUESTS.labels(known, route, f"{hundreds}xx").inc


@cache
def _timer(route: str) -> Callable[[float], None]:
    return HTTP_REQUEST_SECONDS.labels(route).observe
