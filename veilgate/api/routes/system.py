"""Numbers and health, for people, load balancers and supervisors."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, RedirectResponse

from veilgate.api.container import Parts
from veilgate.api.schemas.answers import Problem

router = APIRouter(tags=["system"])


@router.get("/", include_in_schema=False)
def root() -> RedirectResponse:
    return RedirectResponse("/docs/")


@router.get("/ready", responses={503: {"model": Problem}, 507: {"model": Problem}})
def ready(parts: Parts) -> dict[str, str]:
    """Whether this process can accept pictures durably: database and store answer, and there is room on the
    disk. A full queue is no reason: who waits must still hear where a job stands."""
    parts.health.check_ready()
    return {"status": "ready"}


@router.get("/health")
def health(parts: Parts) -> JSONResponse:
    """Every part with its state; 200 also when degraded, because uploads go on."""
    return JSONResponse(parts.health.report())


@router.get("/stats")
def stats(parts: Parts) -> dict[str, Any]:
    """What has been done so far."""
    return parts.statistics.stats()


@router.get("/queue-status")
def queue_status(parts: Parts) -> dict[str, Any]:
    """Who waits, and for how long."""
    return parts.statistics.queues()
