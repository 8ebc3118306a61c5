"""Taking pictures in from where they are on the web."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from veilgate.api.container import Container, Owner, Parts, guest_of
from veilgate.api.guarded_route import GuardedRoute
from veilgate.api.json_body import read_json_object
from veilgate.api.receiving import IncomingFile, idempotency_key
from veilgate.api.request_metrics import counts_refusals
from veilgate.api.routes.uploads import uploaded
from veilgate.api.schemas.answers import Problem, UploadAccepted
from veilgate.api.schemas.requests import IDEMPOTENCY_KEY, IMAGE_URL, OPTIONS
from veilgate.domain.rejections import InvalidOption, UnknownField
from veilgate.services.uploads.intake import AcceptedJob
from veilgate.services.uploads.url_uploads import UrlUpload

router = APIRouter(tags=["uploads"], route_class=GuardedRoute)

_MEMBERS: dict[str, Any] = {"image_url": IMAGE_URL, **OPTIONS}
_BODY = {
    "type": "object",
    "required": ["image_url"],
    "properties": _MEMBERS,
    "additionalProperties": False,
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 409, 413, 415, 422, 503, 507)
}


@router.post(
    "/upload-url",
    status_code=202,
    response_model=UploadAccepted,
    responses=_PROBLEMS,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": _BODY}}},
        "parameters": [IDEMPOTENCY_KEY],
    },
)
@counts_refusals
async def upload_url(request: Request, parts: Parts, owner: Owner) -> JSONResponse:
    """Fetch one picture and take it as if it had been uploaded; at most 20 seconds are spent on fetching.

    An Idempotency-Key stands for the request: sent again with the same address and options, the answer is the
    same, and nothing is fetched again, whatever is at the address by now.
    """
    key = idempotency_key(request)
    await parts.require_room(owner, key)
    asked = _asked(await read_json_object(request), parts, owner, request.state.correlation_id)
    earlier = await asyncio.to_thread(parts.url_uploads.answered_before, asked, key) if key else None
    if earlier:
        return await uploaded(parts, earlier, owner)
    job = await _fetch_and_accept(parts, asked, key, limited_as=guest_of(request).limited_as)
    return await uploaded(parts, job, owner)


async def _fetch_and_accept(
    parts: Container, asked: UrlUpload, key: str | None, *, limited_as: str | None
) -> AcceptedJob:
    limit = parts.limits.max_file_bytes
    async with IncomingFile(parts.spool, asked.target.filename, max_bytes=limit) as file:
        async with parts.url_uploads.fetch(asked, max_bytes=limit) as chunks:
            await file.fill(chunks)
        if limited_as:  # what is fetched for somebody counts as what they send
            await parts.door.quotas.admit_bytes(limited_as, file.received_bytes)

        def accept() -> AcceptedJob:
            with file.hand_over() as received:
                return parts.url_uploads.accept(asked, received, idempotency_key=key)

        return await asyncio.to_thread(accept)


def _asked(given: dict[str, Any], parts: Container, owner: str, correlation_id: str | None) -> UrlUpload:
    for name in given:
        if name not in _MEMBERS:
            raise UnknownField(f"Unknown member {name[:60]!r}; known are: {', '.join(_MEMBERS)}.")
    image_url = given.pop("image_url", None)
    if not isinstance(image_url, str):
        raise InvalidOption("image_url must be a text.")
    return parts.url_uploads.asked(
        image_url, parts.read_options(given), owner_id=owner, correlation_id=correlation_id
    )
