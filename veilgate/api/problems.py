"""Errors as RFC 9457 problem documents: the one table from what went wrong to what HTTP says."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from veilgate.api.batch_receiving import BatchInterrupted
from veilgate.api.callers import SESSION_COOKIE
from veilgate.api.container import container_of
from veilgate.domain import errors, provider_errors, rejections
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
MEDIA_TYPE = "application/problem+json"
# Of a refusal that does not say itself when another try makes sense.
_RETRY_AFTER_S = 5
_RETRYABLE = frozenset({429, 503, 507})
_CLIENT_CLOSED_REQUEST = 499

STATUS_BY_ERROR: dict[type[errors.VeilgateError], int] = {
    rejections.InputRejected: HTTPStatus.UNPROCESSABLE_ENTITY,
    rejections.NotAnImage: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    rejections.UnsupportedFormat: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    rejections.FileTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    rejections.RequestTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    rejections.TooManyFiles: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    rejections.MalformedRequest: HTTPStatus.BAD_REQUEST,
    rejections.InvalidIdempotencyKey: HTTPStatus.BAD_REQUEST,
    rejections.IdempotencyConflict: HTTPStatus.CONFLICT,
    rejections.UploadIncomplete: HTTPStatus.CONFLICT,
    rejections.RangeNotSatisfiable: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    rejections.DirectUploadsUnavailable: HTTPStatus.CONFLICT,
    errors.Refused: HTTPStatus.FORBIDDEN,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    rejections.FormatNotEnabled: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.OriginalDropped: HTTPStatus.GONE,
    errors.IllegalTransition: HTTPStatus.CONFLICT,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.QueueFull: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DiskFull: HTTPStatus.INSUFFICIENT_STORAGE,
    # A picture that is searched with and turns out to be none.
    errors.UndecodablePicture: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.DecodeTimeout: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.DecoderCrashed: HTTPStatus.UNPROCESSABLE_ENTITY,
    # These belong to jobs, not to requests: a caller meets them only through a bug of ours.
    errors.PictureFailed: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.StageFailed: HTTPStatus.INTERNAL_SERVER_ERROR,
    provider_errors.LookupFailed: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ConfigurationError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def status_of(error: errors.VeilgateError) -> int:
    """The status of the nearest class that the table names."""
    for kind in type(error).__mro__:
        if issubclass(kind, errors.VeilgateError) and kind in STATUS_BY_ERROR:
            return int(STATUS_BY_ERROR[kind])
    return int(HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_of(error: errors.VeilgateError, **extra: object) -> JSONResponse:
    """The answer to one of our errors; those that are a bug of ours are logged."""
    status = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request.failed", code=error.code, exc_info=error)
    return problem(status, error.code, error.message, retry_after_s=error.retry_after_s, **extra)


def problem(
    status: int, code: str, detail: str, *, retry_after_s: int | None = None, **extra: object
) -> JSONResponse:
    """Those that time may cure say in header and body after how many seconds."""
    body = {
        "type": f"urn:veilgate:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **extra,
    }
    headers = None
    if status in _RETRYABLE:
        body["retry_after"] = retry_after_s or _RETRY_AFTER_S
        headers = {"Retry-After": str(body["retry_after"])}
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def install_problem_handlers(app: FastAPI) -> None:
    @app.exception_handler(errors.VeilgateError)
    async def ours(request: Request, error: errors.VeilgateError) -> Response:
        container_of(request).health.note(error)
        return problem_of(error)

    @app.exception_handler(errors.Unauthorized)
    async def unknown(request: Request, error: errors.Unauthorized) -> Response:
        answer = problem_of(error)
        answer.headers["WWW-Authenticate"] = "Bearer"
        if getattr(request.state, "session_ended", False):
            answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
        return answer

    @app.exception_handler(BatchInterrupted)
    async def interrupted(request: Request, error: BatchInterrupted) -> Response:
        container_of(request).health.note(error.error)
        return problem_of(error.error, batch_id=error.batch_id)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return problem(422, "invalid_parameter", f"{where}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def framework(_request: Request, error: HTTPException) -> Response:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        answer = problem(error.status_code, code, f"{error.detail.removesuffix('.')}.")
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(ClientDisconnect)
    async def gone(_request: Request, _error: ClientDisconnect) -> Response:
        return Response(status_code=_CLIENT_CLOSED_REQUEST)
