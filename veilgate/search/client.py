"""How the gateway asks the search server: synchronously, over connections that are kept."""

import http.client
import json
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from veilgate.domain.errors import SearchUnavailable, VeilgateError
from veilgate.search.wire import (
    EmbeddedQuery,
    RelatedWords,
    SearchAnswer,
    SearchRequest,
    error_of,
    fields_of,
)

# A picture is decoded by then, or was given up over there.
EMBED_TIMEOUT_S = 30.0
# More than threads that ask at the same time; what is over is closed.
_MOST_IDLE = 64

T = TypeVar("T")
_Body = bytes | BinaryIO


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("search", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(self._path)
        except OSError:
            self.sock.close()
            raise


class SearchClient:
    """Every call raises `SearchUnavailable` when there is no answer in time, and otherwise what the search
    server raised: `IndexNotReady`, or what is wrong with the picture or the words. Safe to call from several
    threads.

    `address` is a URL, or the path of a Unix socket.
    """

    def __init__(self, address: str | Path, timeout_s: float) -> None:
        self._connect = _connector(address)
        self._timeout_s = timeout_s
        self._idle: deque[http.client.HTTPConnection] = deque()

    def search(
        self, model_id: str, owner_id: str, *, vector: bytes, k: int, among: Sequence[str] | None = None
    ) -> SearchAnswer:
        """The likest of an owner's images, or of those `among` them, to a vector of this model. A model that
        the server does not hold (yet) is `IndexNotReady`."""
        request = SearchRequest(model_id, owner_id, vector, k, among)
        return self._post("/v1/search", request.to_json(), read=SearchAnswer.from_json)

    def embed(self, picture: bytes | Path) -> EmbeddedQuery:
        """A picture as it was sent, in the eyes of the model that serves."""
        if isinstance(picture, bytes):
            return self._post("/v1/embed", picture, read=EmbeddedQuery.from_json, timeout_s=EMBED_TIMEOUT_S)
        with picture.open("rb") as file:
            return self._post("/v1/embed", file, read=EmbeddedQuery.from_json, timeout_s=EMBED_TIMEOUT_S)

    def embed_text(self, text: str) -> EmbeddedQuery:
        """Raises `NoTextModel` when the model that serves knows pictures only."""
        return self._post("/v1/embed-text", json.dumps({"text": text}).encode(), read=EmbeddedQuery.from_json)

    def related(self, owner_id: str, words: Sequence[str]) -> RelatedWords:
        body = json.dumps({"owner": owner_id, "words": list(words)}).encode()
        return self._post("/v1/related", body, read=RelatedWords.from_json)

    def rebuild(self) -> None:
        """Have the indexes of this server built anew from the database; they answer meanwhile."""
        self._post("/v1/rebuild", b"{}", read=fields_of)

    def health(self) -> dict[str, Any]:
        return fields_of(self._answer("GET", "/health", None, timeout_s=self._timeout_s))

    def close(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _post(
        self, path: str, body: _Body, *, read: Callable[[bytes], T], timeout_s: float | None = None
    ) -> T:
        answer = self._answer("POST", path, body, timeout_s=timeout_s or self._timeout_s)
        try:
            return read(answer)
        except (VeilgateError, LookupError, TypeError, ValueError) as error:
            raise SearchUnavailable("The search server gave an answer that cannot be read.") from error

    def _answer(self, method: str, path: str, body: _Body | None, *, timeout_s: float) -> bytes:
        request = _Request(method, path, body, timeout_s)
        try:
            status, answer = self._ask_somehow(request)
        except (OSError, http.client.HTTPException) as error:
            raise SearchUnavailable from error
        if status != http.client.OK:
            raise error_of(answer)
        return answer

    def _ask_somehow(self, request: "_Request") -> tuple[int, bytes]:
        try:
            kept = self._idle.pop()
        except IndexError:
            return self._ask(self._connect(request.timeout_s), request)
        try:
            return self._ask(kept, request)
        except ConnectionError:
            # It was closed from over there while nobody looked; every request may be made twice.
            return self._ask(self._connect(request.timeout_s), request)

    def _ask(self, connection: http.client.HTTPConnection, request: "_Request") -> tuple[int, bytes]:
        try:
            request.send(connection)
            answer = connection.getresponse()
            body = answer.read()
        except BaseException:
            connection.close()
            raise
        if answer.will_close or len(self._idle) >= _MOST_IDLE:
            connection.close()
        else:
            self._idle.append(connection)
        return answer.status, body


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    body: _Body | None
    timeout_s: float

    def send(self, connection: http.client.HTTPConnection) -> None:
        connection.timeout = self.timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(self.timeout_s)
        headers = {}
        if self.body is not None and not isinstance(self.body, bytes):
            self.body.seek(0)
            headers["Content-Length"] = str(os.fstat(self.body.fileno()).st_size)
        connection.request(self.method, self.path, self.body, headers)


def _connector(address: str | Path) -> Callable[[float], http.client.HTTPConnection]:
    if isinstance(address, Path) or not address.startswith(("http://", "https://")):
        return partial(_SocketConnection, str(address))
    parts = urlsplit(address)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return lambda timeout_s: kind(parts.hostname or "", parts.port, timeout=timeout_s)
