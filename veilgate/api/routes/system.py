"""Numbers and health, for people, load balancers and supervisors."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from veilgate.api.callers import Guest
from veilgate.api.container import Parts
from veilgate.api.guarded_route import GuardedRoute
from veilgate.api.schemas.answers import Problem
from veilgate.domain.access import Scope

router = APIRouter(tags=["system"], route_class=GuardedRoute)


@router.get("/ready", responses={503: {"model": Problem}, 507: {"model": Problem}})
def ready(parts: Parts) -> dict[str, str]:
    """Whether this process can accept pictures durably: database and store answer, and there is room on the
    disk. A full queue is no reason: who waits must still hear where a job stands."""
    parts.health.check_ready()
    return {"status": "ready"}


@router.get("/health")
def health(parts: Parts, request: Request) -> JSONResponse:
    """Every part with its state; 200 also when degraded, because uploads go on. Without the scope `admin`
    only whether all is well."""
    report = parts.health.report()
    guest: Guest | None = request.state.guest
    if guest is None or Scope.ADMIN not in guest.caller.scopes:
        report = {"status": report["status"]}
    return JSONResponse(report)


@router.get("/stats")
def stats(parts: Parts) -> dict[str, Any]:
    """What has been done so far."""
    return parts.statistics.stats()


@router.get("/queue-status")
def queue_status(parts: Parts) -> dict[str, Any]:
    """Who waits, and for how long."""
    return parts.statistics.queues()
