"""Asking what a thing is, and hearing it as it is found out."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from veilgate.api.classify_stream import Classification
from veilgate.api.container import Owner, Parts, guest_of
from veilgate.api.direct_route import DirectRoute
from veilgate.api.receiving import as_upload, idempotency_key, receive_one
from veilgate.api.request_metrics import count_taken, counts_refusals, stream_open
from veilgate.api.schemas.answers import Problem
from veilgate.api.schemas.requests import IDEMPOTENCY_KEY, OPTIONS
from veilgate.api.stream_answer import StreamAnswer, place_of
from veilgate.services.uploads.intake import AcceptedJob
from veilgate.telemetry.failpoints import failpoint

router = APIRouter(tags=["uploads"], route_class=DirectRoute)

_MEDIA_TYPE = "application/x-ndjson"
_LINE = {
    "type": "object",
    "required": ["data_type", "data_description", "data"],
    "properties": {
        "data_type": {"type": "string"},
        "data_description": {"type": "string"},
        "data": {"type": "object"},
    },
}
_FILE = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": ["file"], "properties": {**OPTIONS, "file": _FILE}}
_DESCRIBED: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}},
    "parameters": [IDEMPOTENCY_KEY],
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "A JSON object a line.", "content": {_MEDIA_TYPE: {"schema": _LINE}}},
    **{status: {"model": Problem} for status in (400, 409, 413, 415, 422, 503, 507)},
}


@router.post("/classify", response_class=Response, responses=_ANSWERS, openapi_extra=_DESCRIBED)
@counts_refusals
async def classify(request: Request, parts: Parts, owner: Owner) -> StreamAnswer:
    """Take one picture, veil it and look up what it shows. The answer is a line for each thing as it is found
    out, from `accepted` to `done`; who goes away cancels nothing.

    The same picture is processed once, however many ask; who asks later hears at once what is known.
    """
    key, guest = idempotency_key(request), guest_of(request)
    await parts.require_room(owner, key)
    async with AsyncExitStack() as place:
        await place.enter_async_context(place_of(guest, parts))
        file, options = await receive_one(request, parts)
        wanted = replace(options, lookups=True)
        async with file:
            correlation_id = request.state.correlation_id

            def accept() -> AcceptedJob:
                received = as_upload(file, wanted, owner=owner, correlation_id=correlation_id)
                with received.file:
                    return parts.intake.accept(received, idempotency_key=key)

            job = await asyncio.to_thread(accept)
        parts.set_to_work(job)
        count_taken(job)
        if job.is_new:
            failpoint("before_reply", job.job_id)
        page = await asyncio.to_thread(parts.events.page, job.job_id, owner, 0)
        lines = Classification(parts, guest, job, page).lines()
        place.enter_context(stream_open("classify"))
        return StreamAnswer(lines, place.pop_all(), media_type=_MEDIA_TYPE)
