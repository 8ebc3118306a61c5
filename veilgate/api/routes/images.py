"""Handing out pictures."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from veilgate.api.container import Container, Owner, Parts
from veilgate.api.schemas.answers import Problem
from veilgate.services.copies import FileCopy

router = APIRouter(prefix="/images", tags=["images"], responses={404: {"model": Problem}})

# Bytes of pictures must never act as a page, whatever a browser takes them for.
_INERT = {"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, no-cache"}


_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get("/{image_id}/processed", response_class=Response, responses=_PICTURE)
def processed(image_id: str, request: Request, parts: Parts, owner: Owner) -> Response:
    """The veiled picture."""
    return _send(request, parts, parts.copies.processed(image_id, owner), disposition="inline")


@router.get("/{image_id}/thumbnail", response_class=Response, responses=_PICTURE)
def thumbnail(
    image_id: str,
    request: Request,
    parts: Parts,
    owner: Owner,
    size: Annotated[int, Query(ge=1, le=4096, description="Longest side wanted, in pixels.")] = 320,
) -> Response:
    """A small veiled picture: the smallest stored one that is at least as large as asked for."""
    copy = parts.copies.thumbnail(image_id, owner, side_px=size)
    return _send(request, parts, copy, disposition="inline")


@router.get("/{image_id}/original", response_class=Response, responses=_PICTURE)
def original(image_id: str, request: Request, parts: Parts, owner: Owner) -> Response:
    """The picture as it was sent, unveiled: for its owner only."""
    return _send(request, parts, parts.copies.original(image_id, owner), disposition="attachment")


def _send(request: Request, parts: Container, copy: FileCopy, *, disposition: str) -> Response:
    headers = {
        **_INERT,
        "ETag": copy.etag,
        "Content-Disposition": f'{disposition}; filename="{copy.filename}"',
    }
    if _is_known(copy.etag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    size, chunks = parts.copies.open(copy)
    headers["Content-Length"] = str(size)
    return StreamingResponse(chunks, media_type=copy.media_type, headers=headers)


def _is_known(etag: str, if_none_match: str) -> bool:
    """Whether the caller has this version already (RFC 9110, 13.1.2: a list, compared weakly)."""
    known = {candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")}
    return etag in known or "*" in known
