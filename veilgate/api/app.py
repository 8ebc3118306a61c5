"""The HTTP application, built from what the root hands in."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from veilgate.api import web_routes
from veilgate.api.container import Container
from veilgate.api.correlation import CorrelationMiddleware
from veilgate.api.docs_routes import install_docs
from veilgate.api.openapi import describe_security
from veilgate.api.problems import install_problem_handlers
from veilgate.api.routes import (
    classify,
    direct_uploads,
    erase,
    images,
    jobs,
    lookups,
    session,
    shared,
    similar,
    system,
    text_search,
    uploads,
    url_uploads,
    webhooks,
)
from veilgate.api.stop_signal import on_stop
from veilgate.api.unread_body import UnreadBodyMiddleware

# As many as Starlette's own pool has. Uploads and status go through `asyncio.to_thread`, which uses these.
_THREADS = 40
# Looked through in this order: first what is asked for most, /status and /upload.
_ROUTES = (
    jobs,
    uploads,
    classify,
    direct_uploads,
    url_uploads,
    similar,
    text_search,
    images,
    lookups,
    erase,
    shared,
    session,
    webhooks,
    system,
)
_ORDER_IN_DOCS = ("uploads", "jobs", "images", "search", "webhooks", "session", "system")
_DESCRIPTION = "Pictures in, pictures without recognisable faces out."


def build_app(
    open_container: Callable[[], AbstractContextManager[Container]],
    *,
    version: str,
    origins: Sequence[str] = (),
) -> FastAPI:
    """`open_container` is entered when the server starts and left when it stops. `origins`: whose pages,
    beside our own, may call and read the answers."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with open_container() as container, on_stop(container.hub.close):
            container.hub.attach()
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "request"))
            app.state.container = container
            yield
            await container.door.quotas.close()

    app = FastAPI(
        title="Veilgate",
        description=_DESCRIPTION,
        version=version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        openapi_tags=[{"name": name} for name in _ORDER_IN_DOCS],
        # An address has one spelling; a redirect would also follow `/status/..`.
        redirect_slashes=False,
    )
    # The one added last is the outermost.
    if origins:
        _let_pages_call(app, origins)
    app.add_middleware(CorrelationMiddleware)
    app.add_middleware(UnreadBodyMiddleware)
    install_problem_handlers(app)
    for module in _ROUTES:
        app.include_router(module.router)
    app.include_router(web_routes.router)
    describe_security(app)
    install_docs(app)
    return app


def _let_pages_call(app: FastAPI, origins: Sequence[str]) -> None:
    """With a key, never with a cookie: pages elsewhere are not signed in here."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "X-API-Key", "Idempotency-Key", "Last-Event-ID", "X-Request-ID"],
        expose_headers=["Location", "Retry-After", "X-Request-ID", "ETag", "Content-Range"],
        max_age=600,
    )
