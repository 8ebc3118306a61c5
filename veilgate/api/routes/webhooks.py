"""Saying where events are sent, and looking at what was."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from veilgate.api.container import Container, Known, Owner, Parts
from veilgate.api.guarded_route import GuardedRoute
from veilgate.api.json_body import read_json_object
from veilgate.api.schemas.answers import Problem
from veilgate.api.schemas.webhooks import (
    CHANGED_WEBHOOK,
    NEW_WEBHOOK,
    DeliveriesAnswer,
    DeliveryQueued,
    WebhookAnswer,
    WebhooksAnswer,
    WebhookWithSecret,
)
from veilgate.domain.access import Caller
from veilgate.domain.cursors import LONGEST_CURSOR
from veilgate.services.images.erase import AskedBy
from veilgate.services.webhooks.webhook_answers import described, logged
from veilgate.services.webhooks.webhooks import ShownSecret, WebhookChange

router = APIRouter(
    prefix="/webhooks", tags=["webhooks"], responses={404: {"model": Problem}}, route_class=GuardedRoute
)

_MOST_DELIVERIES = 200
_UNSTORED = {"Cache-Control": "no-store"}
_REFUSED: dict[int | str, dict[str, Any]] = {status: {"model": Problem} for status in (400, 413, 422)}
_OFF: dict[int | str, dict[str, Any]] = {409: {"model": Problem}}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post(
    "",
    status_code=201,
    response_model=WebhookWithSecret,
    responses=_REFUSED,
    openapi_extra=_body(NEW_WEBHOOK),
)
async def create(request: Request, parts: Parts, caller: Known) -> JSONResponse:
    """Have events of all your jobs sent to an address, signed with the secret that is shown here only. It is
    silent once the key that made it is no good any more."""
    wanted = WebhookChange.parse(await read_json_object(request))
    made = await run_in_threadpool(parts.webhooks.create, caller, wanted, _asked_by(request, parts, caller))
    return _with_secret(made, status_code=201)


@router.get("", response_model=WebhooksAnswer)
def webhooks(parts: Parts, owner: Owner) -> JSONResponse:
    """Yours, the oldest first."""
    return JSONResponse({"webhooks": [described(one) for one in parts.webhooks.list(owner)]})


@router.get("/{webhook_id}", response_model=WebhookAnswer)
def webhook(webhook_id: str, parts: Parts, owner: Owner) -> JSONResponse:
    """Where it leads, and how it fares."""
    return JSONResponse(described(parts.webhooks.get(webhook_id, owner)))


@router.patch(
    "/{webhook_id}",
    response_model=WebhookAnswer,
    responses=_REFUSED,
    openapi_extra=_body(CHANGED_WEBHOOK),
)
async def change(webhook_id: str, request: Request, parts: Parts, caller: Known) -> JSONResponse:
    """Change address, events, or whether anything is sent. What is not given stays."""
    wanted = WebhookChange.parse(await read_json_object(request))
    changed = await run_in_threadpool(
        parts.webhooks.change, webhook_id, caller, wanted, _asked_by(request, parts, caller)
    )
    return JSONResponse(described(changed))


@router.delete("/{webhook_id}", status_code=204, response_class=Response)
def delete(webhook_id: str, request: Request, parts: Parts, caller: Known) -> Response:
    """Delete it with its log; what waits is not sent."""
    parts.webhooks.delete(webhook_id, caller.owner_id, _asked_by(request, parts, caller))
    return Response(status_code=204)


@router.post("/{webhook_id}/rotate", response_model=WebhookWithSecret)
def rotate(webhook_id: str, request: Request, parts: Parts, caller: Known) -> JSONResponse:
    """Make another secret. For 24 hours messages carry a signature of each, so that receivers can change."""
    made = parts.webhooks.rotate(webhook_id, caller, _asked_by(request, parts, caller))
    return _with_secret(made, status_code=200)


@router.post("/{webhook_id}/test", status_code=202, response_model=DeliveryQueued, responses=_OFF)
def test(webhook_id: str, parts: Parts, owner: Owner) -> JSONResponse:
    """Send a `webhook.test` event now; the log of deliveries shows what came of it."""
    return JSONResponse({"delivery_id": parts.webhooks.test(webhook_id, owner)}, status_code=202)


@router.get("/{webhook_id}/deliveries", response_model=DeliveriesAnswer, responses={422: {"model": Problem}})
def deliveries(
    webhook_id: str,
    parts: Parts,
    owner: Owner,
    *,
    limit: Annotated[int, Query(ge=1, le=_MOST_DELIVERIES, description="How many deliveries.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=LONGEST_CURSOR, description="The `next` of the page before.")
    ] = None,
) -> JSONResponse:
    """What was sent or waits to be, the newest first."""
    found, following = parts.webhooks.deliveries(webhook_id, owner, cursor=cursor, limit=limit)
    return JSONResponse({"deliveries": [logged(one) for one in found], "next": following})


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/retry",
    status_code=202,
    response_model=DeliveryQueued,
    responses=_OFF,
)
def retry(webhook_id: str, delivery_id: str, parts: Parts, owner: Owner) -> JSONResponse:
    """Send a delivery now, whatever has become of it, with the same id."""
    parts.webhooks.send_again(webhook_id, delivery_id, owner)
    return JSONResponse({"delivery_id": delivery_id}, status_code=202)


def _asked_by(request: Request, parts: Container, caller: Caller) -> AskedBy:
    return AskedBy(caller.credential_id, parts.door.callers.client(request), request.state.correlation_id)


def _with_secret(made: ShownSecret, *, status_code: int) -> JSONResponse:
    answer = {**described(made.endpoint), "secret": made.secret}
    return JSONResponse(answer, status_code=status_code, headers=_UNSTORED)
