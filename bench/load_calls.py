"""The public calls that a load is made of, over httpx."""

import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

_LONG_POLL_S = 30
# The gateway closes connections that were silent for 5 s: an upload must not meet that moment.
_SILENT_AT_MOST_S = 2.0
# A pool looks at all of its connections for each request: 3,000 who wait in one pool took all of a core.
_POOLS = 32
_STAMP_BYTES = 16
_COMMENT = b"\xff\xfe" + (_STAMP_BYTES + 2).to_bytes(2, "big")


class Pictures:
    """JPEGs of which no two are alike: a comment of its own gives each another sha256, or the gateway would
    answer the second one with the result of the first."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._jpegs = cycle([path.read_bytes() for path in paths])

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        jpeg = next(self._jpegs)
        return jpeg[:2] + _COMMENT + os.urandom(_STAMP_BYTES) + jpeg[2:]


class Calls:
    """Callers of one gateway, of whom each has a connection of its own while it needs one."""

    def __init__(self, base_url: str, pictures: Pictures, *, api_key: str = "") -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        limits = httpx.Limits(max_connections=None, keepalive_expiry=_SILENT_AT_MOST_S)
        context = ssl.create_default_context()
        self._clients = [
            httpx.AsyncClient(
                base_url=base_url, headers=headers, limits=limits, timeout=60, verify=context, trust_env=False
            )
            for _ in range(_POOLS)
        ]
        self._pictures = pictures
        self._next = cycle(self._clients)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Calls":
        for client in self._clients:
            await self._stack.enter_async_context(client)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def ready(self) -> httpx.Response:
        return await self._get("/ready")

    async def upload(self) -> httpx.Response:
        return await self._post("/upload")

    async def wait_for(self, job_id: str) -> httpx.Response:
        return await self._get(f"/status/{job_id}", wait=_LONG_POLL_S)

    async def fetch_processed(self, image_id: str) -> httpx.Response:
        return await self._get(f"/images/{image_id}/processed")

    async def ask(self, question: str, image_id: str) -> httpx.Response:
        """One of those that users ask beside their uploads, by its name in `question_shares`."""
        match question:
            case "status":
                return await self._get(f"/status/{image_id}")
            case "browse":
                return await self._get("/images", limit=20)
            case "words":
                return await self._get("/search", q="street")
            case "similar":
                return await self._get(f"/images/{image_id}/similar", k=5)
            case "picture":
                return await self._post("/search", k="5")
        raise ValueError(f"no question is called {question}")

    async def _get(self, path: str, **parameters: Any) -> httpx.Response:
        return await next(self._next).get(path, params=parameters)

    async def _post(self, path: str, **fields: str) -> httpx.Response:
        files = {"file": ("street.jpg", next(self._pictures), "image/jpeg")}
        return await next(self._next).post(path, files=files, data=fields)
