"""The page at /: uploads a picture, and shows what comes of it. Plain files, as a browser takes them."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from veilgate.api.container import Parts
from veilgate.api.guarded_route import GuardedRoute

_FOLDER = Path(__file__).parents[1] / "web"
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Asked for anew each time, or a page would meet the scripts of another version.
_UNKEPT = {"Cache-Control": "no-cache"}
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)


@router.get("/")
def page(parts: Parts) -> FileResponse:
    """Pictures may also come from where the gateway sends those who ask it for them."""
    images = " ".join(filter(None, ("'self' blob:", parts.copies.elsewhere)))
    policy = _CSP.format(images=images)
    return FileResponse(_FOLDER / "index.html", headers={**_UNKEPT, "Content-Security-Policy": policy})


def _add(name: str) -> None:
    def part() -> FileResponse:
        path = _FOLDER / name
        return FileResponse(path, media_type=_MEDIA_TYPES[path.suffix], headers=_UNKEPT)

    router.add_api_route(f"/page/{name}", part)


for _name in ("app.js", "cards.js", "classify.js", "insist.js", "steps.js", "style.css", "icon.svg"):
    _add(_name)
