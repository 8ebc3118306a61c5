"""Connections that are given up when their server wraps little content in very much else.

The event loop parses what arrives: four servers that sent interim answers without end took all of a core for
as long as they were listened to, and held everybody else up by 0.28 s at a time.
"""

import asyncio
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError

# What comes at once is parsed in pieces, with a look at the balance after each.
_PIECE_BYTES = 32 * 1024
# Heads, and some chunk sizes; beyond it, as much wrapping as content.
_FREE_WRAPPING_BYTES = 64 * 1024


class FrugalConnector(aiohttp.TCPConnector):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # aiohttp has no public way to this; a test notices when it goes another.
        self._factory = partial(_make_handler, loop=asyncio.get_running_loop())


def _make_handler(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return _FrugalHandler(loop)


class _FrugalHandler(ResponseHandler):
    """`_wire_bytes` counts all that came, `_content` is the body that it is for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._wire_bytes = 0
        self._content: aiohttp.StreamReader | None = None

    def feed_data(self, data: Any, size: int = 0) -> None:
        _, self._content = data
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        # Without data it is told to go on with what it has.
        for start in range(0, max(len(data), 1), _PIECE_BYTES):
            piece = data[start : start + _PIECE_BYTES]
            self._wire_bytes += len(piece)
            super().data_received(piece)
            if self._wraps_too_much():
                self._give_up()
                return

    def _wraps_too_much(self) -> bool:
        content_bytes = self._content.total_bytes if self._content else 0
        return self._wire_bytes > _FREE_WRAPPING_BYTES + 2 * content_bytes

    def _give_up(self) -> None:
        if self.transport is not None:
            self.transport.abort()
        self.set_exception(HttpProcessingError())
