"""Handing veiled copies to who has a link and nothing else: providers that fetch pictures themselves."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from veilgate.api.client_address import counted_address
from veilgate.api.container import Container, Parts
from veilgate.api.file_answer import FileAnswer
from veilgate.api.guarded_route import GuardedRoute
from veilgate.api.schemas.answers import Problem
from veilgate.domain.errors import LinkNotFound
from veilgate.services.images.shared_links import MEDIA_TYPE

router = APIRouter(tags=["images"], responses={404: {"model": Problem}}, route_class=GuardedRoute)

_JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}
# Nobody on the way keeps what is shown for a few minutes.
_HEADERS = {"Cache-Control": "no-store", "Content-Security-Policy": "sandbox; default-src 'none'"}


@router.head("/shared/{token}", include_in_schema=False)
@router.get("/shared/{token}", response_class=Response, responses={**_JPEG, 429: {"model": Problem}})
async def shared(token: str, request: Request, parts: Parts) -> Response:
    """A veiled copy, for who was given this address: it works for a few minutes, and needs no key."""
    try:
        return await run_in_threadpool(_answer, request, parts, token)
    except LinkNotFound:
        # Who guesses is told so after a while; who has a good link never is.
        client = counted_address(parts.door.callers.client(request))
        await parts.door.quotas.note_failed_login(f"links:{client}")
        raise


def _answer(request: Request, parts: Container, token: str) -> Response:
    key = parts.shared_files.find(token)
    if request.method == "HEAD":
        length = {"Content-Length": str(parts.shared_files.size_bytes(key))}
        return Response(media_type=MEDIA_TYPE, headers=_HEADERS | length)
    size, chunks = parts.shared_files.open(key)
    return FileAnswer(chunks, media_type=MEDIA_TYPE, headers=_HEADERS | {"Content-Length": str(size)})
