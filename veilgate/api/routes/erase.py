"""Erasing an image."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from veilgate.api.container import Known, Parts
from veilgate.api.guarded_route import GuardedRoute
from veilgate.api.schemas.answers import Problem
from veilgate.services.images.erase import AskedBy

router = APIRouter(tags=["images"], responses={404: {"model": Problem}}, route_class=GuardedRoute)


@router.delete(
    "/images/{image_id}",
    status_code=204,
    response_class=Response,
    responses={202: {"description": "It is gone for everybody; its files go when the object store is back."}},
)
def erase(image_id: str, request: Request, parts: Parts, caller: Known) -> Response:
    """Delete an image for good: its files in every version, its jobs, events, tags, words and embedding,
    whatever its jobs are at. Doing it again is no error."""
    asked_by = AskedBy(caller.credential_id, parts.door.callers.client(request), request.state.correlation_id)
    erased = parts.erase.erase(image_id, caller.owner_id, asked_by)
    parts.hub.notify(erased.job_ids)
    if erased.is_swept:
        return Response(status_code=204)
    return JSONResponse({"image_id": image_id, "status": "erasing"}, status_code=202)
