"""Handing out pictures."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response

from veilgate.api.container import Container, Known, Owner, Parts
from veilgate.api.file_answer import FileAnswer
from veilgate.api.guarded_route import GuardedRoute
from veilgate.api.json_body import read_json_object
from veilgate.api.receiving import idempotency_key
from veilgate.api.routes.uploads import taken_on
from veilgate.api.schemas.answers import Problem, UploadAccepted
from veilgate.api.schemas.requests import IDEMPOTENCY_KEY, OPTIONS
from veilgate.services.audit import AuditAction
from veilgate.services.copies import FileCopy

router = APIRouter(
    prefix="/images", tags=["images"], responses={404: {"model": Problem}}, route_class=GuardedRoute
)

# Bytes of pictures must never act as a page, whatever a browser takes them for.
_INERT = {"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, no-cache"}


_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}},
    307: {"description": "The picture is at the signed address in `Location`, for a while."},
}


@router.head("/{image_id}/processed", include_in_schema=False)
@router.get("/{image_id}/processed", response_class=Response, responses=_PICTURE)
def processed(image_id: str, request: Request, parts: Parts, owner: Owner) -> Response:
    """The veiled picture."""
    return _send(request, parts, parts.copies.processed(image_id, owner), disposition="inline")


@router.head("/{image_id}/thumbnail", include_in_schema=False)
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


@router.head("/{image_id}/original", include_in_schema=False)
@router.get("/{image_id}/original", response_class=Response, responses=_PICTURE)
def original(image_id: str, request: Request, parts: Parts, caller: Known) -> Response:
    """The picture as it was sent, unveiled: for its owner only, and written down in the audit log."""
    copy = parts.copies.original(image_id, caller.owner_id)
    if request.method != "HEAD" and not _has(request, copy):  # which show nothing
        parts.door.audit.write(
            AuditAction.ORIGINAL_READ,
            owner_id=caller.owner_id,
            actor=caller.credential_id,
            subject=image_id,
            client=parts.door.callers.client(request),
            correlation_id=request.state.correlation_id,
        )
    return _send(request, parts, copy, disposition="attachment")


@router.post(
    "/{image_id}/redo",
    status_code=202,
    response_model=UploadAccepted,
    responses={status: {"model": Problem} for status in (400, 409, 413, 422, 503)},
    openapi_extra={
        "parameters": [IDEMPOTENCY_KEY],
        "requestBody": {
            "content": {"application/json": {"schema": {"type": "object", "properties": OPTIONS}}}
        },
    },
)
async def redo(image_id: str, request: Request, parts: Parts, owner: Owner) -> JSONResponse:
    """Process a stored picture again, with other options: a new job. The earlier result is shown until it
    completes."""
    key = idempotency_key(request)
    await parts.require_room(owner, key)
    options = parts.read_options(await read_json_object(request))
    job = await run_in_threadpool(
        partial(
            parts.redo.redo,
            image_id,
            owner,
            options,
            correlation_id=request.state.correlation_id,
            idempotency_key=key,
        )
    )
    return taken_on(parts, job)


def _send(request: Request, parts: Container, copy: FileCopy, *, disposition: str) -> Response:
    attached = f'{disposition}; filename="{copy.filename}"'
    headers = {**_INERT, "ETag": copy.etag, "Content-Disposition": attached}
    if _has(request, copy):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":  # never sent elsewhere: an address is signed for one method
        headers["Content-Length"] = str(parts.copies.size_bytes(copy))
        return Response(media_type=copy.media_type, headers=headers)
    if address := parts.copies.address(copy, disposition=attached):
        return RedirectResponse(address, status_code=307, headers={"Cache-Control": "private, no-store"})
    size, chunks = parts.copies.open(copy)
    headers["Content-Length"] = str(size)
    return FileAnswer(chunks, media_type=copy.media_type, headers=headers)


def _has(request: Request, copy: FileCopy) -> bool:
    """Whether the caller has this version already (RFC 9110, 13.1.2: a list, compared weakly)."""
    listed = request.headers.get("if-none-match", "").split(",")
    known = {candidate.strip().removeprefix("W/") for candidate in listed}
    return copy.etag in known or "*" in known
