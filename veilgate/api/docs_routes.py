"""/docs without the internet: Swagger UI from a wheel, our own page around it."""

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from veilgate.api.guarded_route import GuardedRoute
from veilgate.api.openapi_problems import describe_problems

_PAGE_FOLDER = Path(__file__).parent / "docs_page"
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def install_docs(app: FastAPI) -> None:
    router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

    @router.get("/openapi.json")
    def description() -> JSONResponse:
        return JSONResponse(describe_problems(app.openapi()))

    @router.get("/docs")
    def docs() -> RedirectResponse:
        return RedirectResponse("/docs/")

    @router.get("/docs/")
    def page() -> FileResponse:
        return FileResponse(_PAGE_FOLDER / "index.html", headers={"Content-Security-Policy": _CSP})

    @router.get("/docs/start.js")
    def start() -> FileResponse:
        return FileResponse(_PAGE_FOLDER / "start.js", media_type="text/javascript")

    app.include_router(router)
    app.mount("/docs/assets", StaticFiles(directory=_swagger_folder()), name="docs-assets")


def _swagger_folder() -> Path:
    """Only the files of the package are used; its code is never imported."""
    spec = find_spec("fastapi_offline")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "static"
