"""The HTTP application, built from what the root hands in."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager

from fastapi import FastAPI

from veilgate.api.container import Container
from veilgate.api.correlation import CorrelationMiddleware
from veilgate.api.docs_routes import install_docs
from veilgate.api.problems import install_problem_handlers
from veilgate.api.routes import direct_uploads, images, jobs, system, uploads
from veilgate.api.stop_signal import on_stop
from veilgate.api.unread_body import UnreadBodyMiddleware

# As many as Starlette's own pool has. Uploads and status go through `asyncio.to_thread`, which uses these.
_THREADS = 40
_DESCRIPTION = "Pictures in, pictures without recognisable faces out."


def build_app(open_container: Callable[[], AbstractContextManager[Container]], *, version: str) -> FastAPI:
    """`open_container` is entered when the server starts and left when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with open_container() as container, on_stop(container.hub.close):
            container.hub.attach()
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "request"))
            app.state.container = container
            yield

    app = FastAPI(
        title="Veilgate",
        description=_DESCRIPTION,
        version=version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # An address has one spelling; a redirect would also follow `/status/..`.
        redirect_slashes=False,
    )
    # The one added last is the outermost.
    app.add_middleware(CorrelationMiddleware)
    app.add_middleware(UnreadBodyMiddleware)
    install_problem_handlers(app)
    for router in (uploads.router, direct_uploads.router, jobs.router, images.router, system.router):
        app.include_router(router)
    install_docs(app)
    return app
