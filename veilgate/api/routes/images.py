"""Looking through images, and handing out pictures."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from veilgate.api.container import Known, Owner, Parts
from veilgate.api.file_sending import is_known, send_file
from veilgate.api.filter_parameters import Filters
from veilgate.api.guarded_route import GuardedRoute
from veilgate.api.json_body import read_json_object
from veilgate.api.receiving import idempotency_key
from veilgate.api.routes.uploads import taken_on
from veilgate.api.schemas.answers import Problem, UploadAccepted
from veilgate.api.schemas.images import NOTES, ImageAnswer, ImagesAnswer
from veilgate.api.schemas.requests import IDEMPOTENCY_KEY, OPTIONS
from veilgate.domain.cursors import LONGEST_CURSOR
from veilgate.domain.notes import Notes
from veilgate.services.access.audit import AuditAction
from veilgate.services.images.browse import BrowseWanted

router = APIRouter(
    prefix="/images", tags=["images"], responses={404: {"model": Problem}}, route_class=GuardedRoute
)

_MOST_IMAGES = 200
_BYTES = {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: _BYTES,
    206: {"description": "The part of it that `Range` asked for.", **_BYTES},
    307: {"description": "The picture is at the signed address in `Location`, for a while."},
    416: {"model": Problem},
}
_Version = Annotated[
    str | None,
    Query(max_length=64, description="As links have it: the answer to the current one may be kept."),
]


@router.get("", response_model=ImagesAnswer, responses={422: {"model": Problem}})
def browse(
    parts: Parts,
    owner: Owner,
    filters: Filters,
    *,
    near_duplicates: Annotated[
        bool, Query(description="With `false`, images that look nearly like an earlier one are left out.")
    ] = True,
    limit: Annotated[int, Query(ge=1, le=_MOST_IMAGES, description="How many images.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=LONGEST_CURSOR, description="The `next` of the page before.")
    ] = None,
) -> JSONResponse:
    """Your images, the newest first."""
    return JSONResponse(
        parts.finding.browse.page(owner, BrowseWanted(filters, near_duplicates, limit, cursor))
    )


@router.get("/{image_id}", response_model=ImageAnswer)
def image(image_id: str, parts: Parts, owner: Owner) -> JSONResponse:
    """All that is known of an image."""
    return JSONResponse(parts.finding.browse.image(image_id, owner))


@router.patch(
    "/{image_id}",
    response_model=ImageAnswer,
    responses={status: {"model": Problem} for status in (400, 413, 422)},
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": NOTES}}}},
)
async def describe(image_id: str, request: Request, parts: Parts, owner: Owner) -> JSONResponse:
    """Say what is on an image: it is found by that. What is not given stays; null deletes."""
    notes = Notes.parse(await read_json_object(request))
    await run_in_threadpool(parts.notes.write, image_id, owner, notes)
    return JSONResponse(await run_in_threadpool(parts.finding.browse.image, image_id, owner))


@router.head("/{image_id}/processed", include_in_schema=False)
@router.get("/{image_id}/processed", response_class=Response, responses=_PICTURE)
def processed(image_id: str, request: Request, parts: Parts, owner: Owner, *, v: _Version = None) -> Response:
    """The veiled picture."""
    return send_file(request, parts, parts.copies.processed(image_id, owner), version=v)


@router.head("/{image_id}/thumbnail", include_in_schema=False)
@router.get("/{image_id}/thumbnail", response_class=Response, responses=_PICTURE)
def thumbnail(
    image_id: str,
    request: Request,
    parts: Parts,
    owner: Owner,
    *,
    size: Annotated[int, Query(ge=1, le=4096, description="Longest side wanted, in pixels.")] = 320,
    v: _Version = None,
) -> Response:
    """A small veiled picture: the smallest stored one that is at least as large as asked for."""
    copy = parts.copies.thumbnail(image_id, owner, side_px=size)
    return send_file(request, parts, copy, version=v)


@router.head("/{image_id}/original", include_in_schema=False)
@router.get("/{image_id}/original", response_class=Response, responses=_PICTURE)
def original(image_id: str, request: Request, parts: Parts, caller: Known) -> Response:
    """The picture as it was sent, unveiled: for its owner only, and written down in the audit log."""
    copy = parts.copies.original(image_id, caller.owner_id)
    if request.method != "HEAD" and not is_known(request, copy):  # which show nothing
        parts.door.audit.write(
            AuditAction.ORIGINAL_READ,
            owner_id=caller.owner_id,
            actor=caller.credential_id,
            subject=image_id,
            client=parts.door.callers.client(request),
            correlation_id=request.state.correlation_id,
        )
    return send_file(request, parts, copy)


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
    return await taken_on(parts, job, owner)
