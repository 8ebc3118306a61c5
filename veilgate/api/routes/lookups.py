"""Asking what an image shows."""

from functools import partial

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from veilgate.api.container import Owner, Parts
from veilgate.api.guarded_route import GuardedRoute
from veilgate.api.schemas.answers import Problem
from veilgate.api.schemas.lookups import LookupAccepted
from veilgate.services.jobs.lookups import AskedLookup

router = APIRouter(
    prefix="/images", tags=["images"], responses={404: {"model": Problem}}, route_class=GuardedRoute
)


@router.post(
    "/{image_id}/lookup",
    status_code=202,
    response_model=LookupAccepted,
    responses={status: {"model": Problem} for status in (503,)},
)
async def look_up(image_id: str, request: Request, parts: Parts, owner: Owner) -> JSONResponse:
    """Look up what an image shows: a new job, unless one is on its way. Only the veiled picture is sent, to
    the providers that are enabled here. The answers before are shown until it completes."""
    asked = await run_in_threadpool(
        partial(parts.lookups.ask, image_id, owner, correlation_id=request.state.correlation_id)
    )
    if asked.new:
        parts.dispatch(asked.new.id, asked.new.kind, asked.new.lane)
    watched = asked.job_id or asked.after_job_id
    answer = {
        "image_id": image_id,
        "job_id": asked.job_id,
        "status": asked.status,
        "message": f"{_said_of(asked)}; see /status/{watched}.",
    }
    return JSONResponse(answer, status_code=202, headers={"Location": f"/status/{watched}"})


def _said_of(asked: AskedLookup) -> str:
    if asked.job_id is None:
        return "It begins as soon as the picture is veiled"
    return "Asked" if asked.new else "On its way already"
