"""Taking pictures in."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from veilgate.api.batch_receiving import BatchReceiver
from veilgate.api.container import Owner, Parts
from veilgate.api.receiving import OneFile, as_upload, idempotency_key
from veilgate.api.schemas.answers import BatchAccepted, Problem, UploadAccepted
from veilgate.domain.jobs import JobKind
from veilgate.services.intake import AcceptedJob

router = APIRouter(tags=["uploads"])

_OPTIONS: dict[str, Any] = {
    "blur_style": {"type": "string", "enum": ["mosaic"]},
    "mask_scale": {"type": "number", "description": "How far the veil reaches beyond a found face (1 to 3)."},
    "face_threshold": {"type": "number", "description": "Lowest score that counts as a face."},
    "priority": {"type": "string", "enum": ["interactive", "bulk"]},
}


def _form(files: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": list(files), "properties": {**_OPTIONS, **files}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


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
async def upload(request: Request, parts: Parts, owner: Owner) -> JSONResponse:
    """Take one picture. The answer means that it is stored and will be processed, whatever crashes next."""
    key = idempotency_key(request)
    file, options = await OneFile(parts).receive(request)
    async with file:
        correlation_id = request.state.correlation_id

        def accept() -> AcceptedJob:
            received = as_upload(file, options, owner=owner, correlation_id=correlation_id)
            return parts.intake.accept(received, idempotency_key=key)

        job = await run_in_threadpool(accept)
    if job.is_new:
        parts.dispatch(job.job_id, JobKind.VEIL, job.lane)
    return JSONResponse(_accepted(job), status_code=202, headers={"Location": f"/status/{job.job_id}"})


@router.post(
    "/batch-upload",
    status_code=202,
    response_model=BatchAccepted,
    responses=_PROBLEMS,
    openapi_extra=_form({"files": {"type": "array", "items": _BINARY}}),
)
async def batch_upload(request: Request, parts: Parts, owner: Owner) -> JSONResponse:
    """Take many pictures; each is accepted or refused by itself, as it arrives.

    Options must come before the first file. If the connection breaks, what had arrived is processed; send
    the batch again with the same Idempotency-Key to go on with it.
    """
    receiver = BatchReceiver(request, parts, owner, request.state.correlation_id)
    answer = await receiver.receive()
    return JSONResponse(answer, status_code=202, headers={"Location": f"/batches/{answer['batch_id']}"})


def _accepted(job: AcceptedJob) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "filename": job.filename,
        "file_size": job.file_size,
        "status": "submitted",
        "message": f"Stored; see /status/{job.job_id}.",
    }
