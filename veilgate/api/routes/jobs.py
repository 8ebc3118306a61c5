"""Asking about jobs, watching them, and changing their course."""

import asyncio
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response, StreamingResponse

from veilgate.api.container import Owner, Parts, guest_of
from veilgate.api.direct_route import DirectRoute
from veilgate.api.guarded_route import GuardedRoute
from veilgate.api.job_stream import follow, resume_point, sse, wait_for_end
from veilgate.api.request_metrics import long_poll, stream_open
from veilgate.api.schemas.answers import BatchStatus, JobState, JobStatusAnswer, Problem
from veilgate.api.stream_answer import StreamAnswer, place_of
from veilgate.domain.errors import BatchNotFound
from veilgate.domain.ids import is_id
from veilgate.persistence.records import JobRecord

router = APIRouter(tags=["jobs"], responses={404: {"model": Problem}}, route_class=GuardedRoute)

_LONGEST_WAIT_S = 60.0
_PAGE = 1000
_LARGEST_SEQ = 2**31 - 1


async def status(
    job_id: str,
    request: Request,
    parts: Parts,
    owner: Owner,
    *,
    wait: Annotated[float, Query(ge=0, le=_LONGEST_WAIT_S, description="Seconds to wait for the end.")] = 0,
) -> Response:
    """Where a job stands. With `wait`, the answer comes as soon as the job has ended."""
    if wait:
        with long_poll(request):
            document = await wait_for_end(parts, job_id, guest_of(request), wait_s=wait)
    else:
        answer = parts.queries.status_at_once(job_id, owner)
        if answer is None:
            answer = await asyncio.to_thread(parts.queries.status, job_id, owner)
        document = answer.document
    return Response(document, media_type="application/json")


router.add_api_route(
    "/status/{job_id}", status, response_model=JobStatusAnswer, route_class_override=DirectRoute
)


@router.get("/jobs/{job_id}/events", response_class=StreamingResponse)
async def events(
    job_id: str,
    request: Request,
    parts: Parts,
    owner: Owner,
    *,
    last_event_id: Annotated[str | None, Header()] = None,
    after: Annotated[int | None, Query(ge=0, le=_LARGEST_SEQ)] = None,
) -> Response:
    """Every stage outcome as a Server-Sent Event, numbered 1..n. `Last-Event-ID` resumes without a gap;
    204 when the job has ended and everything was seen."""
    page = await asyncio.to_thread(parts.events.page, job_id, owner, resume_point(last_event_id, after))
    if page.is_last and not page.events:
        return Response(status_code=204)
    guest = guest_of(request)
    held = AsyncExitStack()
    await held.enter_async_context(place_of(guest, parts))
    held.enter_context(stream_open("events"))
    return StreamAnswer(sse(follow(parts, page, guest), job_id), held, media_type="text/event-stream")


@router.post("/jobs/{job_id}/cancel", response_model=JobState, responses={409: {"model": Problem}})
def cancel(job_id: str, parts: Parts, owner: Owner) -> JSONResponse:
    """End a job that waits or runs; nothing of it will be shown."""
    job = parts.control.cancel(job_id, owner)
    parts.hub.notify([job_id])
    return JSONResponse(_state(job))


@router.post(
    "/jobs/{job_id}/retry",
    response_model=JobState,
    responses={status: {"model": Problem} for status in (409, 503, 507)},
)
async def retry(job_id: str, parts: Parts, owner: Owner) -> JSONResponse:
    """Submit a failed or cancelled job again. As an upload it is refused while too many jobs wait."""
    await parts.require_room(owner)
    job = await run_in_threadpool(parts.control.retry, job_id, owner)
    parts.dispatch(job.id, job.kind, job.lane)
    parts.hub.notify([job_id])
    return JSONResponse(_state(job))


@router.get("/batches/{batch_id}", response_model=BatchStatus)
def batch(
    batch_id: str,
    parts: Parts,
    owner: Owner,
    first: Annotated[int, Query(ge=0, le=_LARGEST_SEQ, description="Position of the first item shown.")] = 0,
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = _PAGE,
) -> JSONResponse:
    """Counts by status, and the items in the order in which they were sent."""
    if not is_id(batch_id):
        raise BatchNotFound
    return JSONResponse(parts.batches.describe(batch_id, owner, first=first, limit=limit))


def _state(job: JobRecord) -> dict[str, Any]:
    return {"job_id": job.id, "status": job.status, "updated_at": job.updated_at_ms // 1000}
