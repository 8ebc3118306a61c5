"""One owner's slow addresses leave places for the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from veilgate.domain.addresses import Reachable
from veilgate.domain.errors import RateLimited
from veilgate.domain.fetch_targets import FetchTarget, read_target
from veilgate.domain.options import UploadOptions
from veilgate.lookups.safe_fetch import SafeFetch
from veilgate.services.uploads.url_uploads import UrlUpload, UrlUploads

TARGET = read_target("https://pictures.example/a.jpg", Reachable.parse(""))


class Slow:
    """Stands for a fetcher whose servers all answer when `go` is set."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    @asynccontextmanager
    async def open(self, _target: FetchTarget, **_limits: int) -> AsyncIterator[AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            await self.go.wait()
            yield b"picture"

        yield chunks()


def test_so_many_fetches_of_one_owner_at_a_time() -> None:
    async def ask() -> list[object]:
        slow = Slow()
        uploads = UrlUploads(cast(Any, None), cast(SafeFetch, slow))

        async def fetch(owner: str) -> bytes:
            asked = UrlUpload(TARGET.url, TARGET, UploadOptions.parse({}), owner, None)
            async with uploads.fetch(asked, max_bytes=9) as chunks:
                return b"".join([chunk async for chunk in chunks])

        waiting = [asyncio.create_task(fetch("busy")) for _ in range(8)]
        other = asyncio.create_task(fetch("other"))
        await asyncio.sleep(0)  # each is now waiting for its server
        with pytest.raises(RateLimited):
            await fetch("busy")
        slow.go.set()
        return [*await asyncio.gather(*waiting, other), await fetch("busy")]

    assert asyncio.run(ask()) == [b"picture"] * 10
