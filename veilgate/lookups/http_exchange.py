"""One request and its answer: the only place where providers are spoken to."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import aiohttp

from veilgate import __version__
from veilgate.domain.provider_errors import ProviderBroken
from veilgate.lookups.questions import Question, Reply
from veilgate.lookups.sending import Fate, NeverSent, Unanswered

_MOST_BYTES = 4 * 1024 * 1024
_TEXT_CHARS = 2000
_CONNECT_S = 5.0
_PIECE_BYTES = 64 * 1024


class HttpExchange:
    """Connections to all providers, kept open between questions. Used on one event loop.

    How many there are is the business of who asks.
    """

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"Veilgate/{__version__}", "Accept": "application/json"},
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_S),
            trace_configs=[_tracing()],
        )

    async def send(self, question: Question, *, timeout_s: float, fate: Fate) -> Reply:
        """The answer, whatever its status; no redirect is followed. Raises as `Send` says; nobody takes an
        answer of more than 4 MiB."""
        with _without_addresses(timeout_s, fate):
            async with (
                asyncio.timeout(timeout_s),
                self._session.request(
                    question.method,
                    question.url,
                    params=question.query,
                    headers=question.headers,
                    data=question.body,
                    allow_redirects=False,
                    trace_request_ctx=fate,
                ) as answer,
            ):
                body = await _read(answer)
                headers = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(
            answer.status, headers, _document(body), body[: 4 * _TEXT_CHARS].decode(errors="replace")
        )

    async def close(self) -> None:
        await self._session.close()


def _tracing() -> aiohttp.TraceConfig:
    """Notes in the fate of each request that there is a connection: what follows cannot be taken back."""

    async def note(_session: aiohttp.ClientSession, context: Any, _connection: object) -> None:
        context.trace_request_ctx.was_sent = True

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(note)
    tracing.on_connection_reuseconn.append(note)
    return tracing


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """Counted as it is unpacked: a few bytes of gzip can be gigabytes."""
    body = bytearray()
    async for piece in answer.content.iter_chunked(_PIECE_BYTES):
        body += piece
        if len(body) > _MOST_BYTES:
            raise ProviderBroken("It answered with more than anybody reads.")
    return bytes(body)


def _document(body: bytes) -> Any:
    """The JSON that it is, strictly read; None if it is none."""
    try:
        text = body.decode("utf-8-sig")
        document = json.loads(text, parse_constant=_refuse)
        # Half a character, which JSON can say and nobody can store.
        if "\\ud" in text.lower():
            document = json.loads(json.dumps(document, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


@contextmanager
def _without_addresses(timeout_s: float, fate: Fate) -> Iterator[None]:
    """What aiohttp says has addresses in it, and so keys: none of it goes on, not even as a cause."""
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise NeverSent("It cannot be reached.") from None
    except aiohttp.InvalidURL:
        raise NeverSent("Its address is none.") from None
    except TimeoutError:
        if not fate.was_sent:
            raise NeverSent(f"It cannot be reached within {timeout_s:.3g} seconds.") from None
        raise Unanswered(f"It did not answer within {timeout_s:.3g} seconds.") from None
    except (aiohttp.ClientError, OSError):
        raise Unanswered("It broke off.") from None
