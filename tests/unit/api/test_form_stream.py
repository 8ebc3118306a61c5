"""Reading forms however the network cuts them, and giving up on bodies that do not come."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.types import Message

from veilgate.api import request_body
from veilgate.api.form_stream import Field, read_form
from veilgate.domain.rejections import MalformedRequest, RequestTooLarge

FORM = (
    b'--b\r\nContent-Disposition: form-data; name="mask_scale"\r\n\r\n1.5\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n\r\n-\r\n--\r\n--x\r\n'
    b'--b\r\nContent-Disposition: form-data; name="files"; filename="b.jpg"\r\n\r\n\r\n--b--\r\n'
)
PARTS = [("mask_scale", "1.5"), ("file", "a.jpg", b"\r\n-\r\n--\r\n--x"), ("files", "b.jpg", b"")]


def request(chunks: Sequence[bytes], *, ends: bool = True) -> Request:
    """A form in pieces; one that does not end keeps its reader waiting."""
    left = list(chunks)

    async def receive() -> Message:
        if not left and not ends:
            await asyncio.Event().wait()
        return {
            "type": "http.request",
            "body": left.pop(0) if left else b"",
            "more_body": bool(left) or not ends,
        }

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def parts_of(source: Request, *, max_body_bytes: int = 10_000) -> list[object]:
    async def read() -> list[object]:
        found: list[object] = []
        async for part in read_form(source, max_body_bytes=max_body_bytes):
            if isinstance(part, Field):
                found.append((part.name, part.value))
            else:
                found.append((part.name, part.filename, b"".join([chunk async for chunk in part])))
        return found

    return asyncio.run(read())


@given(st.sets(st.integers(1, len(FORM) - 1)))
def test_where_the_network_cuts_does_not_matter(cuts: set[int]) -> None:
    edges = [0, *sorted(cuts), len(FORM)]
    chunks = [FORM[start:end] for start, end in pairwise(edges)]
    assert parts_of(request(chunks)) == PARTS


def test_a_file_that_nobody_reads_is_passed_over() -> None:
    async def names() -> list[str]:
        return [part.name async for part in read_form(request([FORM]), max_body_bytes=10_000)]

    assert asyncio.run(names()) == ["mask_scale", "file", "files"]


@given(st.binary(max_size=200), st.integers(0, len(FORM)))
def test_whatever_comes_is_read_or_refused(junk: bytes, at: int) -> None:
    try:
        parts_of(request([FORM[:at] + junk + FORM[at:]]))
    except MalformedRequest:
        return


def test_the_bytes_that_come_are_counted() -> None:
    with pytest.raises(RequestTooLarge):
        parts_of(request([FORM[:-10], b"x" * 500]), max_body_bytes=len(FORM) + 400)


def test_silence_ends_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "_SILENCE_S", 0.05)
    with pytest.raises(HTTPException, match="408"):
        parts_of(request([FORM[:100]], ends=False))


def test_our_own_slowness_is_not_held_against_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "_SILENCE_S", 0.02)
    monkeypatch.setattr(request_body, "_SLOWEST_BYTES_PER_S", 1_000_000)
    source = request([FORM[at : at + 20] for at in range(0, len(FORM), 20)])
    receive = source._receive

    async def next_chunk() -> Message:
        await asyncio.sleep(0)  # as a socket does, so that a time-out in the past would strike
        return await receive()

    source._receive = next_chunk

    async def read_slowly() -> int:
        count = 0
        async for _ in read_form(source, max_body_bytes=10_000):
            await asyncio.sleep(0.03)
            count += 1
        return count

    assert asyncio.run(read_slowly()) == len(PARTS)


def test_a_body_that_drips_ends_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "_SILENCE_S", 0.05)
    source = request([FORM[:150]])
    receive = source._receive

    async def drip() -> Message:
        await asyncio.sleep(0.01)
        return {**await receive(), "more_body": True}

    source._receive = drip
    with pytest.raises(HTTPException, match="408"):
        parts_of(source)
