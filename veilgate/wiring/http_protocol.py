"""HTTP as the gateway hears it: uvicorn's protocol with a deadline, a bound, and problems for answers.

By itself uvicorn waits for ever for a head that drips in (each byte stops its only timer), keeps whatever a
client sends as headers, and says in plain text that something was no HTTP.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from veilgate.api.problems import problem
from veilgate.api.request_metrics import count_unread
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)

_LARGEST_HEAD_BYTES = 64 * 1024
# Closing with bytes unread resets the connection, and the client may never see why it was refused.
_LINGER_S = 2.0
# What the kernel takes for a client beyond what is on its way to it: 2.8 MB each, for those who read slowly,
# without this.
_UNSENT_BYTES = 128 * 1024
_AT_ONCE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: HTTPStatus
    code: str
    detail: str


_NOT_HTTP = _Refusal(HTTPStatus.BAD_REQUEST, "malformed_request", "The request is not HTTP as it must be.")
_UPGRADE = _Refusal(
    HTTPStatus.BAD_REQUEST,
    "malformed_request",
    "A request with a body cannot ask for another protocol: leave the header Upgrade out.",
)
_TOO_LARGE = _Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "head_too_large",
    f"Address and headers of a request may have {_LARGEST_HEAD_BYTES} bytes together.",
)


class StopParsing(Exception):
    """Raised to the parser; uvicorn takes it for HTTP that cannot be read."""


class GatewayProtocol(HttpToolsProtocol):
    """One connection. Bodies are timed where they are read, in veilgate/api/request_body.py."""

    # From the connection or the first byte of a request to the end of its head.
    head_s = 10.0
    # A client that takes in nothing of its answer is given up by the kernel, which alone knows what is on
    # the way. One that is merely slow stays.
    unread_answer_s = 60.0

    _clock: asyncio.TimerHandle | None = None
    _awaits_head = True
    _is_refused = False
    _why = _NOT_HTTP
    _head_bytes = 0
    # Since the parser last got any further: what it holds back, or swallows.
    _idle_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux has both
            timeout_ms = round(self.unread_answer_s * 1000)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_ms)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        self._idle_bytes += len(data)
        super().data_received(data)
        if not self._idle_bytes or self._is_refused:
            return
        if self._idle_bytes > _LARGEST_HEAD_BYTES:
            self._refuse(_TOO_LARGE)
        elif self._awaits_head:
            self._start_clock()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        # What follows a chunked body is dropped: uvicorn would put it among the headers that were checked.
        if self._awaits_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_clock()
        self._awaits_head, self._idle_bytes = False, 0
        # For an answer without an end: closing would wait until the client has taken what it does not take.
        self.scope["state"]["cut"] = self._cut
        if self.parser.should_upgrade() and _has_body(self.headers):
            # httptools would pass over the body, or take what comes of it later for another request.
            self._stop_parsing(_UPGRADE)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._awaits_head, self._head_bytes, self._idle_bytes = True, 0, 0
        super().on_message_complete()

    def send_400_response(self, _msg: str) -> None:
        """Called by uvicorn when its parser stops."""
        self._refuse(self._why)

    def _unsupported_upgrade_warning(self) -> None:
        """Who asks for another protocol is answered in this one, which is no news."""

    def _cut(self) -> None:
        """End the connection now. The kernel would keep what was not taken, and go on offering it."""
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def _count(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > _LARGEST_HEAD_BYTES:
            self._stop_parsing(_TOO_LARGE)

    def _stop_parsing(self, why: _Refusal) -> None:
        self._why = why
        raise StopParsing

    def _start_clock(self) -> None:
        if self._clock is None:
            self._clock = self.loop.call_later(self.head_s, self._head_is_late)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _head_is_late(self) -> None:
        self._clock = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._start_clock()  # not before the answer to the request before it
        elif not self._idle_bytes:
            self.transport.close()
        else:
            _log.info("request.too_slow", head_s=self.head_s)
            late = f"The head of a request must be complete within {self.head_s:g} s."
            self._refuse(_Refusal(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", late))

    def _refuse(self, why: _Refusal) -> None:
        """Answer in place of the application, then close when the client has had a moment to read it."""
        self._is_refused = True
        self._stop_clock()
        cycle, is_answering = self.cycle, False
        if cycle is not None and not cycle.response_complete:
            is_answering = cycle.response_started
            cycle.disconnected = True
            cycle.message_event.set()
        self.pipeline.clear()
        if is_answering or self.transport.is_closing():
            self.transport.close()
            return
        answer = problem(why.status, why.code, why.detail)
        count_unread(why.status)
        headers = [*self.server_state.default_headers, *answer.raw_headers, (b"connection", b"close")]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        self.transport.write(STATUS_LINE[why.status] + lines + b"\r\n" + bytes(answer.body))
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._clock = self.loop.call_later(_LINGER_S, self.transport.close)


def _has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name in {b"content-length", b"transfer-encoding"} and value != b"0" for name, value in headers)
