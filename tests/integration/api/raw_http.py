"""Requests that no client library would send."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

import httpx

from tests.integration.api.gateway import Gateway

BOUNDARY = "frontier"
TIMEOUT_S = 20.0


@dataclass(frozen=True)
class RawAnswer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = httpx.Response(self.status, content=self.body).json()
        return document


def connect(gateway: Gateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=TIMEOUT_S)


def read_answer(connection: socket.socket) -> RawAnswer:
    response = HTTPResponse(connection)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return RawAnswer(response.status, headers, response.read())


def post_head(path: str, *lines: str, boundary: str = BOUNDARY) -> bytes:
    content_type = f"Content-Type: multipart/form-data; boundary={boundary}"
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: 127.0.0.1", content_type, *lines, "", ""]).encode()


def post(gateway: Gateway, path: str, body: bytes, *lines: str, boundary: str = BOUNDARY) -> RawAnswer:
    """One request with a true Content-Length, and its answer."""
    with connect(gateway) as connection:
        head = post_head(path, f"Content-Length: {len(body)}", *lines, boundary=boundary)
        connection.sendall(head + body)
        return read_answer(connection)


def file_part(content: bytes, *, name: str = "file", filename: str = "a.jpg", extra: bytes = b"") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"'
    return f"--{BOUNDARY}\r\n{disposition}\r\n".encode() + extra + b"\r\n" + content + b"\r\n"


def text_part(name: str, value: str) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'
    return f"--{BOUNDARY}\r\n{disposition}\r\n\r\n{value}\r\n".encode()


END = f"--{BOUNDARY}--\r\n".encode()


def chunked(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """Pieces as the chunked transfer coding carries them, without the end."""
    for piece in pieces:
        yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
