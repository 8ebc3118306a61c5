"""One fetch over HTTP: every connection checked where it is made, every wait bounded, every byte counted."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from ipaddress import ip_address
from types import TracebackType

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from veilgate import __version__
from veilgate.domain.addresses import Reachable
from veilgate.domain.errors import VeilgateError
from veilgate.domain.fetch_targets import FetchTarget, redirected
from veilgate.domain.rejections import EmptyFile, FetchFailed, FetchTimeout, FileTooLarge, UrlForbidden
from veilgate.lookups.frugal_connections import FrugalConnector
from veilgate.lookups.inflation import Inflation
from veilgate.lookups.safe_fetch import FetchPatience, PageAnswer, PostAnswer
from veilgate.lookups.system_names import Resolve

_MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Of a name with hundreds of addresses: connecting to all of them would be a scan that we do for somebody.
_MOST_ADDRESSES = 4
_HEADERS = {
    "User-Agent": f"Veilgate/{__version__}",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
}
# A few bytes of gzip can be gigabytes; pictures are compressed already.
_FOR_PICTURES = {"Accept": "image/*"}
# Robots' own name is `Veilgate`: what a robots.txt says to it, or to all, is kept to.
_FOR_PAGES = {
    "User-Agent": f"Veilgate/{__version__} (robot; looks up single products; keeps to robots.txt)",
    "Accept": "text/html, application/xhtml+xml;q=0.9, text/plain;q=0.5",
    "Accept-Encoding": "gzip",
}


class CheckedSession:
    """Connections for one fetch. None is kept: no later fetch can use what an earlier one opened."""

    def __init__(
        self,
        reachable: Reachable,
        resolve: Resolve,
        *,
        patience: FetchPatience,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._reachable = reachable
        self._deadline_s = asyncio.get_running_loop().time() + patience.total_s
        connector = FrugalConnector(
            resolver=_CheckedNames(reachable, resolve),
            socket_factory=self._open_socket,
            use_dns_cache=False,
            force_close=True,
            ssl=True if tls is None else tls,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(
                total=None, connect=patience.connect_s, sock_read=patience.between_bytes_s
            ),
        )

    async def __aenter__(self) -> "CheckedSession":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    @asynccontextmanager
    async def open(self, target: FetchTarget, max_bytes: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of what `target` leads to, as `SafeFetch.open` promises them."""
        async with await self._arrive(target) as answer:
            _require_takeable(answer, max_bytes)
            async with aclosing(self._counted(answer, max_bytes)) as chunks:
                yield chunks

    async def get_page(
        self, target: FetchTarget, max_bytes: int, media_types: frozenset[str] | None
    ) -> PageAnswer:
        """As `SafeFetch.get_page` promises it."""
        async with await self._send("GET", target, _FOR_PAGES) as answer:
            content_type = answer.headers.get("Content-Type", "").strip().lower()
            onward, body = None, b""
            if answer.status in _REDIRECTS and (location := answer.headers.get("Location")):
                onward = redirected(target, location, self._reachable)
            elif answer.status == 200:
                if media_types is not None and content_type.partition(";")[0].strip() not in media_types:
                    raise FetchFailed("The server answers with something else than a page.")
                body = await self._whole(answer, max_bytes)
            return PageAnswer(answer.status, content_type, body, onward)

    async def post(self, target: FetchTarget, headers: Mapping[str, str], body: bytes) -> PostAnswer:
        """As `SafeFetch.post` promises it."""
        began_s = asyncio.get_running_loop().time()
        async with await self._send("POST", target, headers, body) as answer:
            took_ms = round((asyncio.get_running_loop().time() - began_s) * 1000)
            said = {name.lower(): value for name, value in answer.headers.items()}
            # Whatever else it says would only be waited for.
            answer.close()
            return PostAnswer(answer.status, said, took_ms)

    async def _arrive(self, target: FetchTarget) -> aiohttp.ClientResponse:
        """The answer that is no redirect."""
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._send("GET", target, _FOR_PICTURES)
            if answer.status not in _REDIRECTS:
                return answer
            answer.close()
            location = answer.headers.get("Location")
            if location is None:
                raise _status_refused(answer.status)
            target = redirected(target, location, self._reachable)
        raise FetchFailed(f"The address leads on more than {_MOST_REDIRECTS} times.")

    async def _send(
        self, method: str, target: FetchTarget, headers: Mapping[str, str], body: bytes | None = None
    ) -> aiohttp.ClientResponse:
        with _as_fetch_errors():
            async with asyncio.timeout_at(self._deadline_s):
                return await self._session.request(
                    method, URL(target.url, encoded=True), headers=headers, data=body, allow_redirects=False
                )

    async def _whole(self, answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
        coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
        inflation = Inflation(coding, max_bytes)
        async with aclosing(self._counted(answer, max_bytes)) as chunks:
            async for chunk in chunks:
                inflation.add(chunk)
        return inflation.result()

    async def _counted(self, answer: aiohttp.ClientResponse, max_bytes: int) -> AsyncGenerator[bytes, None]:
        """The deadline holds for waiting only: what takes the bytes is never cut off in the middle."""
        received = 0
        while chunk := await self._next_chunk(answer):
            received += len(chunk)
            if received > max_bytes:
                raise _too_large(max_bytes)
            yield chunk

    async def _next_chunk(self, answer: aiohttp.ClientResponse) -> bytes:
        # Bytes that have arrived already are handed out without a wait, which is all that a timeout ends.
        if asyncio.get_running_loop().time() > self._deadline_s:
            raise FetchTimeout
        with _as_fetch_errors():
            async with asyncio.timeout_at(self._deadline_s):
                return await answer.content.readany()

    def _open_socket(self, place: aiohttp.AddrInfoType) -> socket.socket:
        """The last wall: whatever was overlooked on the way here, no socket is made for another machine."""
        family, kind, protocol, _, (host, port, *_) = place
        if not self._reachable.includes(ip_address(host), int(port)):
            raise PermissionError
        return socket.socket(family, kind, protocol)


class _CheckedNames(AbstractResolver):
    """Asked once a connection; nobody asks again between the check and the connecting."""

    def __init__(self, reachable: Reachable, resolve: Resolve) -> None:
        self._reachable = reachable
        self._resolve = resolve

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp names it
    ) -> list[ResolveResult]:
        """All addresses of a name, or none: one that is not reachable condemns the others."""
        addresses = [ip_address(found) for found in await self._resolve(host, port)]
        if not all(self._reachable.includes(address, port) for address in addresses):
            raise UrlForbidden
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses[:_MOST_ADDRESSES]
        ]

    async def close(self) -> None:
        """Nothing is held."""


@contextmanager
def _as_fetch_errors() -> Iterator[None]:
    """Whatever a foreign server does is its fault; and whether it refuses, resets, hides, does not exist or
    speaks no TLS is nothing that the caller hears."""
    try:
        yield
    except VeilgateError:
        raise
    except aiohttp.ConnectionTimeoutError as error:
        raise FetchFailed from error
    except TimeoutError as error:
        raise FetchTimeout from error
    except Exception as error:
        raise FetchFailed from error


def _require_takeable(answer: aiohttp.ClientResponse, max_bytes: int) -> None:
    if answer.status == 204:
        raise EmptyFile
    if answer.status != 200:
        raise _status_refused(answer.status)
    if answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise FetchFailed("The server compresses what it was asked to send as it is.")
    if (answer.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)


def _status_refused(status: int) -> FetchFailed:
    return FetchFailed(f"The server answered with status {status}.")


def _too_large(max_bytes: int) -> FileTooLarge:
    return FileTooLarge(f"A file may have at most {max_bytes} bytes.")
