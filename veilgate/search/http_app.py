"""The search server's HTTP: what stands in wire.py, by path. For gateways alone; nobody else can reach it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from veilgate.domain import errors
from veilgate.domain.errors import NotFound, Unavailable, VeilgateError
from veilgate.domain.rejections import FileTooLarge, InputRejected, InvalidOption, MalformedRequest
from veilgate.search.wire import (
    MODEL_MISMATCH,
    MOST_WORDS,
    EmbeddedQuery,
    ModelMismatch,
    RelatedWords,
    SearchAnswer,
    SearchRequest,
    error_document,
    fields_of,
    text_of,
    texts_of,
)
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import SEARCH_SECONDS, SEARCHES, from_zero

_log = get_logger(__name__)
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# 15,000 ids take 0.6 MB.
_LARGEST_JSON_BYTES = 4_000_000
_JSON_TIMEOUT_S = 10.0
_PICTURE_TIMEOUT_S = 60.0
# Whole pictures in memory; who comes later waits, and is not read from meanwhile.
_MOST_PICTURES = 8
_REFUSED, _MISMATCH, _AWAY, _BROKEN = 422, 409, 503, 500
# Questions and how they end, as Prometheus is told.
_QUESTIONS = {
    "/v1/search": "search",
    "/v1/embed": "embed",
    "/v1/embed-text": "embed_text",
    "/v1/related": "related",
}
_ENDS = {200: "answered", _AWAY: "away", _BROKEN: "broken"}
_ANY_OTHER_END = "refused"


class Answers(Protocol):
    """What is behind the paths: services/search_answers.py."""

    async def search(self, request: SearchRequest) -> SearchAnswer: ...

    async def embed(self, picture: bytes) -> EmbeddedQuery: ...

    async def embed_text(self, text: str) -> EmbeddedQuery: ...

    async def related(self, owner_id: str, words: Sequence[str]) -> RelatedWords: ...

    def rebuild(self) -> None: ...

    def check_ready(self) -> None: ...

    def health(self) -> dict[str, Any]: ...


class SearchApp:
    """An ASGI application."""

    def __init__(self, answers: Answers, *, max_picture_bytes: int) -> None:
        self._answers = answers
        self._max_picture_bytes = max_picture_bytes
        self._pictures = asyncio.Semaphore(_MOST_PICTURES)
        from_zero(SEARCHES, _QUESTIONS.values(), [*_ENDS.values(), _ANY_OTHER_END])
        from_zero(SEARCH_SECONDS, _QUESTIONS.values())
        self._paths: dict[tuple[str, str], Callable[[Receive], Awaitable[bytes]]] = {
            ("POST", "/v1/search"): self._search,
            ("POST", "/v1/embed"): self._embed,
            ("POST", "/v1/embed-text"): self._embed_text,
            ("POST", "/v1/related"): self._related,
            ("POST", "/v1/rebuild"): self._rebuild,
            ("GET", "/health"): self._health,
            ("GET", "/ready"): self._ready,
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        answer = self._paths.get((scope["method"], scope["path"]))
        began_s = time.monotonic()
        try:
            if answer is None:
                raise NotFound
            status, body, headers = 200, await answer(receive), []
        except Exception as error:  # noqa: BLE001 - whoever asked hears that it went wrong
            status, body = _refusal(error)
            headers = [(b"retry-after", b"%d" % _retry_after_s(error))] if status == _AWAY else []
        if question := _QUESTIONS.get(scope["path"]):
            SEARCHES.labels(question, _ENDS.get(status, _ANY_OTHER_END)).inc()
            SEARCH_SECONDS.labels(question).observe(time.monotonic() - began_s)
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _search(self, receive: Receive) -> bytes:
        request = SearchRequest.from_json(await _json(receive))
        return (await self._answers.search(request)).to_json()

    async def _embed(self, receive: Receive) -> bytes:
        async with self._pictures:
            picture = await _body(
                receive, largest_bytes=self._max_picture_bytes, timeout_s=_PICTURE_TIMEOUT_S
            )
            return (await self._answers.embed(picture)).to_json()

    async def _embed_text(self, receive: Receive) -> bytes:
        fields = fields_of(await _json(receive))
        return (await self._answers.embed_text(text_of(fields, "text"))).to_json()

    async def _related(self, receive: Receive) -> bytes:
        fields = fields_of(await _json(receive))
        words = texts_of(fields, "words")
        if not 1 <= len(words) <= MOST_WORDS:
            raise InvalidOption(f"words: from 1 to {MOST_WORDS} are needed.")
        return (await self._answers.related(text_of(fields, "owner"), words)).to_json()

    async def _rebuild(self, _receive: Receive) -> bytes:
        self._answers.rebuild()
        return b"{}"

    async def _health(self, _receive: Receive) -> bytes:
        return json.dumps(self._answers.health()).encode()

    async def _ready(self, _receive: Receive) -> bytes:
        self._answers.check_ready()
        return b"{}"


async def _json(receive: Receive) -> bytes:
    return await _body(receive, largest_bytes=_LARGEST_JSON_BYTES, timeout_s=_JSON_TIMEOUT_S)


async def _body(receive: Receive, *, largest_bytes: int, timeout_s: float) -> bytes:
    """Raises `FileTooLarge` as soon as it is, and `MalformedRequest` when it ends early or takes too long."""
    chunks, size = [], 0
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise MalformedRequest("The body ended early.")
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > largest_bytes:
                    raise FileTooLarge
                if not message.get("more_body"):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except TimeoutError as error:
        raise MalformedRequest("The body took too long.") from error


def _refusal(error: Exception) -> tuple[int, bytes]:
    match error:
        case ModelMismatch():
            return _MISMATCH, error_document(MODEL_MISMATCH, str(error))
        case InputRejected() | errors.PictureFailed():
            status = _REFUSED
        case Unavailable():
            status = _AWAY
        case NotFound():
            return 404, error_document("not_found", "There is no such path.")
        case _:
            _log.error("search.request_failed", exc_info=error)
            return _BROKEN, error_document("internal", "The search server could not answer.")
    return status, error_document(error.code, error.message)


def _retry_after_s(error: Exception) -> int:
    seconds = error.retry_after_s if isinstance(error, VeilgateError) else None
    return seconds or Unavailable.retry_after_s
