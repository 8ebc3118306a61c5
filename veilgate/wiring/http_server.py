"""The HTTP server that the gateway and the search server run in."""

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


class HttpServer(uvicorn.Server):
    """Leaves signals to `StopRequest`: uvicorn gives them back when all is over, and so dies by them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
