"""What stands around every request: the id, the last resort, and the rest of a body."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.types import Message, Receive, Scope, Send

from veilgate.api import unread_body
from veilgate.api.correlation import CorrelationMiddleware
from veilgate.api.unread_body import UnreadBodyMiddleware

START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"done"}
WITH_BODY = [(b"content-length", b"30")]


def ask(
    app: object, headers: Sequence[tuple[bytes, bytes]] = (), body: Sequence[Message] = ()
) -> list[Message]:
    """Sends one request through the app and returns what it sent back."""
    left, sent = list(body), []

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": list(headers)}
    asyncio.run(app(scope, receive, send))  # type: ignore[operator]
    return sent


async def breaks(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise RuntimeError("secret")


async def breaks_late(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send(dict(START))
    raise RuntimeError("secret")


async def answers_early(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send(dict(START))
    await send(dict(END))


async def reads_all(_scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive())["more_body"]:
        pass
    await answers_early(_scope, receive, send)


def test_a_fault_of_ours_is_a_problem_without_detail_and_with_the_id() -> None:
    start, body = ask(CorrelationMiddleware(breaks), [(b"x-request-id", b"order-17")])
    headers = dict(start["headers"])
    assert start["status"] == 500
    assert headers[b"x-request-id"] == b"order-17"
    assert headers[b"content-type"] == b"application/problem+json"
    assert b"internal" in body["body"]
    assert b"secret" not in body["body"]


def test_a_fault_after_the_answer_began_reaches_the_server() -> None:
    with pytest.raises(RuntimeError):
        ask(CorrelationMiddleware(breaks_late))


def piece(size: int, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": bytes(size), "more_body": more}


def test_an_early_answer_comes_first_then_the_rest_is_read_and_the_connection_closed() -> None:
    left = [piece(10), piece(10), piece(10, more=False)]
    start, answer, end = ask(UnreadBodyMiddleware(answers_early), WITH_BODY, left)
    assert (b"connection", b"close") in start["headers"]
    assert (answer["body"], answer["more_body"]) == (b"done", True)
    assert end == {"type": "http.response.body", "body": b""}


def test_reading_on_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread_body, "_READ_ON_S", 0.05)
    assert len(ask(UnreadBodyMiddleware(answers_early), WITH_BODY)) == 3


def test_reading_on_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread_body, "_READ_ON_BYTES", 25)
    taken: list[Message] = []

    class Endless(list[Message]):
        def pop(self, _index: object = 0) -> Message:
            taken.append(piece(10))
            return taken[-1]

        def __bool__(self) -> bool:
            return True

    async def run() -> None:
        async def receive() -> Message:
            return Endless().pop()

        async def send(_message: Message) -> None:
            return

        scope = {"type": "http", "headers": WITH_BODY}
        await UnreadBodyMiddleware(answers_early)(scope, receive, send)

    asyncio.run(run())
    assert len(taken) == 3


@pytest.mark.parametrize(
    ("app", "headers", "body"),
    [(answers_early, [], []), (reads_all, WITH_BODY, [piece(10), piece(20, more=False)])],
)
def test_an_answer_to_a_whole_request_is_left_alone(
    app: object, headers: list[tuple[bytes, bytes]], body: list[Message]
) -> None:
    assert ask(UnreadBodyMiddleware(app), headers, body) == [START, END]  # type: ignore[arg-type]
