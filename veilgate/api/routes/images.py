"""Handing out pictures."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from veilgate.api.container import Owner, Parts
from veilgate.api.schemas.answers import Problem
from veilgate.services.copies import FileCopy

router = APIRouter(prefix="/images", tags=["images"], responses={404: {"model": Problem}})

# Bytes of pictures must never act as a page, whatever a browser takes them for.
_INERT = {"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, no-cache"}


@router.get("/{image_id}/processed", response_class=Response)
def processed(image_id: str, request: Request, parts: Parts, owner: Owner) -> Response:
    """The veiled picture."""
    return _send(request, parts.copies.processed(image_id, owner), disposition="inline")


@router.get("/{image_id}/thumbnail", response_class=Response)
def thumbnail(
    image_id: str,
    request: Request,
    parts: Parts,
    owner: Owner,
    size: Annotated[int, Query(ge=1, le=4096, description="Longest side wanted, in pixels.")] = 320,
) -> Response:
    """A small veiled picture: the smallest stored one that is at least as large as asked for."""
    return _send(request, parts.copies.thumbnail(image_id, owner, side_px=size), disposition="inline")


@router.get("/{image_id}/original", response_class=Response)
def original(image_id: str, request: Request, parts: Parts, owner: Owner) -> Response:
    """The picture as it was sent, unveiled: for its owner only."""
    return _send(request, parts.copies.original(image_id, owner), disposition="attachment")


def _send(request: Request, copy: FileCopy, *, disposition: str) -> Response:
    headers = {
        **_INERT,
        "ETag": copy.etag,
        "Content-Disposition": f'{disposition}; filename="{copy.filename}"',
    }
    if request.headers.get("if-none-match") == copy.etag:
        return Response(status_code=304, headers=headers)
    headers["Content-Length"] = str(copy.size)
    return StreamingResponse(copy.chunks, media_type=copy.media_type, headers=headers)
