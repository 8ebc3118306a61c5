"""Fetching what somebody outside points at, without becoming their hand in networks that they cannot reach.

aiohttp takes 9 MB and 0.15 s to import: it is loaded when something is fetched for the first time.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from veilgate.domain.addresses import Reachable
from veilgate.domain.errors import QueueFull
from veilgate.domain.fetch_targets import FetchTarget, read_target
from veilgate.lookups.system_names import Resolve

if TYPE_CHECKING:
    from veilgate.lookups.checked_session import CheckedSession


@dataclass(frozen=True, slots=True)
class FetchPatience:
    """How long each part of a fetch may take; `connect_s` is for name, connection and TLS together."""

    connect_s: float = 5.0
    between_bytes_s: float = 10.0
    total_s: float = 20.0


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """What a server says to one question for a page: `onward` is where it sends us on to, `body` is empty for
    any status but 200, `content_type` is as it says, in lower case."""

    status: int
    content_type: str
    body: bytes
    onward: FetchTarget | None = None


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """The head of what a server says to a POST; header names are in lower case. `took_ms` is until then."""

    status: int
    headers: Mapping[str, str]
    took_ms: int


class SafeFetch:
    """Fetches by HTTP from where `reachable` allows, however the address is spelled and wherever it leads.

    `tls` is what certificates are verified with; None = by those that this machine trusts.
    """

    def __init__(
        self,
        reachable: Reachable,
        resolve: Resolve,
        *,
        patience: FetchPatience | None = None,
        tls: ssl.SSLContext | None = None,
        most_at_once: int = 32,
    ) -> None:
        self._reachable = reachable
        self._resolve = resolve
        self._patience = patience or FetchPatience()
        self._tls = tls
        self._most_at_once = most_at_once
        self._under_way = 0

    def read_target(self, url: str) -> FetchTarget:
        """Raises `UrlForbidden` for what can be told not to be fetched without asking anybody."""
        return read_target(url, self._reachable)

    @asynccontextmanager
    async def open(self, target: FetchTarget, *, max_bytes: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes that are there, after at most three redirects; there may be none.

        Here or while they are read: raises `UrlForbidden`, `FetchFailed`, `FetchTimeout`, `EmptyFile`,
        `FileTooLarge`, or `QueueFull` when too many are being fetched.
        """
        with self._place():
            async with await self._open_session() as session, session.open(target, max_bytes) as chunks:
                yield chunks

    async def get_page(
        self, target: FetchTarget, *, max_bytes: int, media_types: frozenset[str] | None = None
    ) -> PageAnswer:
        """What the server says, with whatever status; redirects are told and not followed. A body may come
        compressed, has at most `max_bytes` before and after, and one of `media_types` unless that is None.

        Raises `UrlForbidden` (also for a redirect out of reach), `FetchFailed`, `FetchTimeout`,
        `FileTooLarge` or `QueueFull`.
        """
        with self._place():
            async with await self._open_session() as session:
                return await session.get_page(target, max_bytes, media_types)

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, patience: FetchPatience | None = None
    ) -> PostAnswer:
        """What the server says, with whatever status; redirects are not followed, and what comes after the
        head of its answer is not read.

        Raises `UrlForbidden`, `FetchFailed`, `FetchTimeout` or `QueueFull`.
        """
        target = self.read_target(url)
        with self._place():
            async with await self._open_session(patience) as session:
                return await session.post(target, headers, body)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._under_way >= self._most_at_once:
            raise QueueFull(f"{self._under_way} addresses are being fetched just now, as many as may be.")
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _open_session(
        self, patience: FetchPatience | None = None
    ) -> "AbstractAsyncContextManager[CheckedSession]":
        kind = await asyncio.to_thread(_load_sessions)
        return kind(self._reachable, self._resolve, patience=patience or self._patience, tls=self._tls)


def _load_sessions() -> "type[CheckedSession]":
    from veilgate.lookups.checked_session import CheckedSession

    return CheckedSession
