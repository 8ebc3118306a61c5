"""Answers without an end: who reads them, who does not, and who goes away."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from veilgate.api import stream_answer
from veilgate.api.stream_answer import StreamAnswer

SOON_S = 5.0


class Connection:
    """What a server gives an answer: it remembers what was sent, and takes no more than so many messages."""

    def __init__(self, *, takes: int = 100) -> None:
        self.sent: list[bytes] = []
        self.takes = takes
        self.gone = asyncio.Event()
        self.was_cut = False

    async def send(self, message: Any) -> None:
        if len(self.sent) == self.takes:
            await self.gone.wait()
        self.sent.append(message.get("body", b""))

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    def cut(self) -> None:
        self.was_cut = True
        self.gone.set()


class Source:
    """Pieces, and whether whoever made them and whoever held a place for them have been let go."""

    def __init__(self, *pieces: bytes, then_wait: bool = False) -> None:
        self.pieces, self.then_wait = pieces, then_wait
        self.is_closed = self.is_let_go = False

    async def make(self) -> AsyncGenerator[bytes]:
        try:
            for piece in self.pieces:
                yield piece
            if self.then_wait:
                await asyncio.Event().wait()
        finally:
            self.is_closed = True

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self.is_let_go = True


async def answer(source: Source, connection: Connection) -> None:
    held = AsyncExitStack()
    await held.enter_async_context(source.place())
    stream = StreamAnswer(source.make(), held, media_type="text/event-stream")
    scope = {"type": "http", "state": {"cut": connection.cut}}
    await asyncio.wait_for(stream(scope, connection.receive, connection.send), SOON_S)


def test_every_piece_is_sent_and_all_is_let_go() -> None:
    async def scene() -> None:
        source, connection = Source(b"a", b"b"), Connection()
        await answer(source, connection)
        assert connection.sent == [b"", b"a", b"b", b""]
        assert (source.is_closed, source.is_let_go, connection.was_cut) == (True, True, False)

    asyncio.run(scene())


@pytest.mark.parametrize("taken", [0, 2])
def test_who_takes_nothing_more_is_cut_off(monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    monkeypatch.setattr(stream_answer, "_UNREAD_S", 0.05)

    async def scene() -> None:
        source, connection = Source(b"a", b"b", then_wait=True), Connection(takes=taken)
        await answer(source, connection)
        assert connection.was_cut
        # What has not begun needs no end.
        assert (source.is_closed, source.is_let_go) == (taken > 0, True)

    asyncio.run(scene())


def test_who_goes_away_ends_it_at_once() -> None:
    async def scene() -> None:
        source, connection = Source(b"a", then_wait=True), Connection()
        asyncio.get_running_loop().call_later(0.02, connection.gone.set)
        await answer(source, connection)
        assert connection.sent == [b"", b"a"]
        assert (source.is_closed, source.is_let_go, connection.was_cut) == (True, True, False)

    asyncio.run(scene())


def test_an_error_of_the_source_is_not_swallowed() -> None:
    class Broken(Source):
        async def make(self) -> AsyncGenerator[bytes]:
            yield b"a"
            raise ValueError

    async def scene() -> None:
        source = Broken()
        with pytest.raises(ValueError, match=r"^$"):
            await answer(source, Connection())
        assert source.is_let_go

    asyncio.run(scene())


def test_the_true_deadline() -> None:
    """What a test above shortens."""
    assert stream_answer._UNREAD_S == 30
