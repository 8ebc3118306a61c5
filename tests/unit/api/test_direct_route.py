"""A direct route skips FastAPI's resolving of parameters: what it cannot give is refused when it is made."""

import asyncio
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.types import Message

from veilgate.api.container import Owner, Parts
from veilgate.api.direct_route import DirectRoute


async def plain(job_id: str, parts: Parts, owner: Owner, wait: Annotated[float, Query()] = 0) -> Response:
    return Response()


async def reads_a_header(job_id: str, parts: Parts, token: Annotated[str, Header()] = "") -> Response:
    return Response()


def guard() -> None:
    """Stands for a check of a key."""


def test_what_it_can_give_is_taken() -> None:
    DirectRoute("/status/{job_id}", plain)


def test_dependencies_are_refused_because_they_would_be_skipped() -> None:
    with pytest.raises(TypeError, match="would skip its dependencies"):
        DirectRoute("/status/{job_id}", plain, dependencies=[Depends(guard)])
    router = APIRouter(dependencies=[Depends(guard)], route_class=DirectRoute)
    with pytest.raises(TypeError, match="would skip its dependencies"):
        router.get("/status/{job_id}")(plain)


def test_headers_are_refused_because_they_would_have_their_default() -> None:
    with pytest.raises(TypeError, match="cannot give token"):
        DirectRoute("/status/{job_id}", reads_a_header)


async def reads_its_query(request: Request) -> Response:
    return PlainTextResponse(request.url.query)


def test_a_function_that_reads_its_query_itself_is_called_with_one_too() -> None:
    """Outside an application, where FastAPI's own way has nothing to stand on."""
    route, sent = DirectRoute("/search", reads_its_query), list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": "/search", "query_string": b"k=3", "headers": []}
    asyncio.run(route.answer({**scope, "path_params": {}}, receive, send))
    assert sent[-1]["body"] == b"k=3"
