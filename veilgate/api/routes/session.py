"""Signing in from a browser: a key becomes a cookie that scripts cannot read."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from veilgate.api.callers import CSRF_HEADER, SESSION_COOKIE
from veilgate.api.container import Known, Parts
from veilgate.api.guarded_route import SHOWS_A_KEY, GuardedRoute
from veilgate.api.schemas.answers import CallerAnswer, Problem, SessionOpened
from veilgate.domain.access import Caller
from veilgate.domain.errors import Forbidden
from veilgate.services.access.sessions import csrf_token

router = APIRouter(prefix="/session", tags=["session"], route_class=GuardedRoute)

_PROBLEMS: dict[int | str, dict[str, Any]] = {status: {"model": Problem} for status in (401, 403, 429, 503)}
_UNSTORED = {"Cache-Control": "no-store"}


@router.post(
    "",
    status_code=201,
    response_model=SessionOpened,
    responses=_PROBLEMS,
    openapi_extra={"security": SHOWS_A_KEY},
)
async def open_session(request: Request, parts: Parts) -> JSONResponse:
    """Turn the key in the `Authorization` header into a session: an HttpOnly cookie, for pages that show
    pictures and follow events. Whatever changes something then needs `csrf_token` in `X-CSRF-Token`."""
    key = await parts.door.callers.session_key(request)
    session = await run_in_threadpool(
        parts.door.sessions.open,
        key,
        client=parts.door.callers.client(request),
        correlation_id=request.state.correlation_id,
    )
    answer = JSONResponse(
        {
            **_described(session.caller),
            "csrf_token": session.csrf_token,
            "csrf_header": CSRF_HEADER,
            "expires_at": session.expires_at,
        },
        status_code=201,
        headers=_UNSTORED,
    )
    answer.set_cookie(
        SESSION_COOKIE,
        session.cookie,
        expires=session.expires_at_utc,
        httponly=True,
        samesite="strict",
        secure=parts.door.callers.is_https(request),
    )
    return answer


@router.get("", response_model=CallerAnswer, responses=_PROBLEMS)
async def show_session(request: Request, caller: Known) -> JSONResponse:
    """Who the caller is, by whatever credential; of a session also the token, for a page loaded anew."""
    cookie = _cookie_used(request)
    token = {"csrf_token": csrf_token(cookie), "csrf_header": CSRF_HEADER} if cookie else {}
    return JSONResponse({**_described(caller), **token}, headers=_UNSTORED)


@router.delete("", status_code=204, responses=_PROBLEMS)
async def close_session(request: Request, parts: Parts, _caller: Known) -> Response:
    """End the session: its cookie is worth nothing from now on."""
    cookie = _cookie_used(request)
    if cookie is None:
        raise Forbidden("There is no session to end: this request shows a key or nothing.")
    await run_in_threadpool(
        parts.door.sessions.close,
        cookie,
        client=parts.door.callers.client(request),
        correlation_id=request.state.correlation_id,
    )
    answer = Response(status_code=204, headers=_UNSTORED)
    answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return answer


def _cookie_used(request: Request) -> str | None:
    """The session's cookie, if it is what the caller was known by."""
    if "authorization" in request.headers or "x-api-key" in request.headers:
        return None
    return request.cookies.get(SESSION_COOKIE)


def _described(caller: Caller) -> dict[str, Any]:
    return {"owner": caller.owner_id, "scopes": sorted(caller.scopes)}
