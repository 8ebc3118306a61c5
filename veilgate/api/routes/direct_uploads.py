"""Taking pictures in without their bytes: announced here, put into S3 by the caller, then completed here."""

import re
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from veilgate.api.container import Container, Owner, Parts, guest_of
from veilgate.api.guarded_route import GuardedRoute
from veilgate.api.json_body import read_json_object
from veilgate.api.request_metrics import counts_refusals
from veilgate.api.routes.uploads import uploaded
from veilgate.api.schemas.answers import Problem, UploadAccepted, UploadAnnounced
from veilgate.api.schemas.requests import OPTIONS
from veilgate.domain.filenames import display_name
from veilgate.domain.rejections import InvalidOption, UnknownField
from veilgate.services.uploads.direct_uploads import Announcement

router = APIRouter(prefix="/uploads", tags=["uploads"], route_class=GuardedRoute)

_SHA256 = re.compile("[0-9a-fA-F]{64}")
_MEMBERS: dict[str, Any] = {
    "filename": {"type": "string"},
    "file_size": {"type": "integer", "minimum": 1},
    "sha256": {"type": "string", "pattern": f"^{_SHA256.pattern}$"},
    "options": {"type": "object", "properties": OPTIONS},
}
_BODY = {
    "type": "object",
    "required": ["filename", "file_size", "sha256"],
    "properties": _MEMBERS,
    "additionalProperties": False,
}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem} for status in statuses}


@router.post(
    "",
    status_code=201,
    response_model=UploadAnnounced,
    responses=_problems(400, 409, 413, 422, 503),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _BODY}}}},
)
async def announce(request: Request, parts: Parts, owner: Owner) -> JSONResponse:
    """Say what you are going to upload; the answer says where to PUT it, with which headers, until when."""
    await parts.require_room(owner)
    announcement = _announcement(await read_json_object(request), parts, owner)
    if limited_as := guest_of(request).limited_as:  # bytes that go another way count as well
        await parts.door.quotas.admit_bytes(limited_as, announcement.file_size)
    answer = await run_in_threadpool(parts.direct_uploads.announce, announcement)
    # The address is a key to the object store for a while: nobody may keep it on the way.
    return JSONResponse(answer, status_code=201, headers={"Cache-Control": "no-store"})


@router.post(
    "/{upload_id}/complete",
    status_code=202,
    response_model=UploadAccepted,
    responses=_problems(404, 409, 413, 415, 422, 503, 507),
)
@counts_refusals
async def complete(upload_id: str, request: Request, parts: Parts, owner: Owner) -> JSONResponse:
    """Say that the file was put. It is verified and accepted; asked again, the answer is the same."""
    take = partial(
        parts.direct_uploads.complete, upload_id, owner, correlation_id=request.state.correlation_id
    )
    job = await run_in_threadpool(take)
    return await uploaded(parts, job, owner)


def _announcement(given: dict[str, Any], parts: Container, owner: str) -> Announcement:
    for name in given:
        if name not in _MEMBERS:
            raise UnknownField(f"Unknown member {name[:60]!r}; known are: {', '.join(_MEMBERS)}.")
    filename, file_size, sha256 = given.get("filename"), given.get("file_size"), given.get("sha256")
    options = given.get("options")
    if not isinstance(filename, str):
        raise InvalidOption("filename must be a text.")
    if type(file_size) is not int or file_size < 0:
        raise InvalidOption("file_size must be a whole number of bytes.")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise InvalidOption("sha256 must be 64 hexadecimal digits.")
    if not isinstance(options, dict | None):
        raise InvalidOption("options must be an object.")
    return Announcement(
        display_name(filename), file_size, sha256.lower(), parts.read_options(options or {}), owner
    )
