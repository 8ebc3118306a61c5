"""/docs without the internet: Swagger UI from a wheel, our own page around it."""

from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

_PAGE_FOLDER = Path(__file__).parent / "docs_page"
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def install_docs(app: FastAPI) -> None:
    @app.get("/docs", include_in_schema=False)
    def docs() -> RedirectResponse:
        return RedirectResponse("/docs/")

    @app.get("/docs/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(_PAGE_FOLDER / "index.html", headers={"Content-Security-Policy": _CSP})

    @app.get("/docs/start.js", include_in_schema=False)
    def start() -> FileResponse:
        return FileResponse(_PAGE_FOLDER / "start.js", media_type="text/javascript")

    app.mount("/docs/assets", StaticFiles(directory=_swagger_folder()), name="docs-assets")


def _swagger_folder() -> Path:
    """Only the files of the package are used; its code is never imported."""
    spec = find_spec("fastapi_offline")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "static"
