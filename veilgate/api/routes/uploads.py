"""Taking pictures in."""

import asyncio
import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from veilgate.api.archive_receiving import ARCHIVE_MEDIA_TYPES
from veilgate.api.batch_receiving import receive_batch
from veilgate.api.container import Container, Owner, Parts
from veilgate.api.direct_route import DirectRoute
from veilgate.api.receiving import as_upload, idempotency_key, receive_one
from veilgate.api.request_metrics import count_taken, counts_refusals
from veilgate.api.schemas.answers import BatchAccepted, Problem, UploadAccepted
from veilgate.api.schemas.requests import IDEMPOTENCY_KEY, OPTIONS, OPTIONS_IN_QUERY
from veilgate.domain.errors import JobNotFound
from veilgate.domain.jobs import JobStatus
from veilgate.services.uploads.intake import AcceptedJob
from veilgate.telemetry.failpoints import failpoint

router = APIRouter(tags=["uploads"], route_class=DirectRoute)


def _form(files: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": list(files), "properties": {**OPTIONS, **files}}
    body = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    return {"requestBody": body, "parameters": [IDEMPOTENCY_KEY]}


def _batch() -> dict[str, Any]:
    """A form, or an archive as it is; what the form has for options, the address has for an archive."""
    extra = _form({"files": {"type": "array", "items": _BINARY}})
    for media_type in ARCHIVE_MEDIA_TYPES:
        extra["requestBody"]["content"][media_type] = {"schema": _BINARY}
    extra["parameters"] = [IDEMPOTENCY_KEY, *OPTIONS_IN_QUERY]
    return extra


_BINARY = {"type": "string", "format": "binary"}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 409, 413, 415, 422, 503, 507)
}


@router.post(
    "/upload",
    status_code=202,
    response_model=UploadAccepted,
    responses=_PROBLEMS,
    openapi_extra=_form({"file": _BINARY}),
)
@counts_refusals
async def upload(request: Request, parts: Parts, owner: Owner) -> JSONResponse:
    """Take one picture. The answer means that it is stored and will be processed, whatever crashes next.

    What was uploaded before with the same options is not done again: the answer has its result, or names the
    job that is on its way to one.
    """
    key = idempotency_key(request)
    await parts.require_room(owner, key)
    file, options = await receive_one(request, parts)
    async with file:
        correlation_id = request.state.correlation_id

        def accept() -> AcceptedJob:
            received = as_upload(file, options, owner=owner, correlation_id=correlation_id)
            with received.file:
                return parts.intake.accept(received, idempotency_key=key)

        job = await asyncio.to_thread(accept)
    return await uploaded(parts, job, owner)


@router.post(
    "/batch-upload",
    status_code=202,
    response_model=BatchAccepted,
    responses=_PROBLEMS,
    openapi_extra=_batch(),
)
async def batch_upload(request: Request, parts: Parts, owner: Owner) -> JSONResponse:
    """Take many pictures; each is accepted or refused by itself, as it arrives.

    They come as files of a form, or in one zip or tar (plain, .gz, .bz2 or .xz), which is the body itself or
    the only file of the form. Options come before the first file of a form, or in the query string. If the
    connection breaks, what had arrived is processed; send the batch again with the same Idempotency-Key to
    go on with it. Of an archive nothing is taken before all of it has arrived.
    """
    await parts.require_room(owner, idempotency_key(request))
    correlation_id = request.state.correlation_id
    answer = await receive_batch(request, parts, owner=owner, correlation_id=correlation_id)
    return JSONResponse(answer, status_code=202, headers={"Location": f"/batches/{answer['batch_id']}"})


async def uploaded(parts: Container, job: AcceptedJob, owner: str) -> JSONResponse:
    """As `taken_on`, of a picture that was sent."""
    count_taken(job)
    return await taken_on(parts, job, owner)


async def taken_on(parts: Container, job: AcceptedJob, owner: str) -> JSONResponse:
    """Tell the workers of a job that is new, and the caller where it stands."""
    parts.set_to_work(job)
    if job.is_new:
        failpoint("before_reply", job.job_id)
    answer: dict[str, Any] = {
        "job_id": job.job_id,
        "filename": job.filename,
        "file_size": job.file_size,
        "status": job.status,
        "deduplicated": job.deduplicated,
        "message": f"{_said_of(job)}; see /status/{job.job_id}.",
    }
    if job.status is JobStatus.COMPLETED and (results := await _results_of(parts, job.job_id, owner)):
        answer["results"] = results
    return JSONResponse(answer, status_code=202, headers={"Location": f"/status/{job.job_id}"})


async def _results_of(parts: Container, job_id: str, owner: str) -> Any:
    """As /status says them, with links; nothing of an image that was erased a moment ago."""
    try:
        status = parts.queries.status_at_once(job_id, owner)
        if status is None:
            status = await asyncio.to_thread(parts.queries.status, job_id, owner)
    except JobNotFound:
        return None
    return json.loads(status.document)["results"]


def _said_of(job: AcceptedJob) -> str:
    if not job.deduplicated:
        return "Stored"
    return "Done before" if job.status is JobStatus.COMPLETED else "Uploaded before"
