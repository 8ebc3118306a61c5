"""Reads multipart/form-data as it arrives: events, not files, so that nothing is spooled twice."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from veilgate.domain.errors import MalformedRequest, RequestTooLarge

_MOST_FIELDS = 64
_LONGEST_FIELD_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Field:
    """A text field, complete."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FileBegins:
    name: str
    filename: str


@dataclass(frozen=True, slots=True)
class FileData:
    data: bytes


@dataclass(frozen=True, slots=True)
class FileEnds:
    pass


FormEvent = Field | FileBegins | FileData | FileEnds


async def read_form(request: Request, *, max_body_bytes: int) -> AsyncIterator[FormEvent]:
    """The parts of a multipart body in order. Counts the bytes that really arrive, whatever the headers say.

    Raises `MalformedRequest` or `RequestTooLarge`; a client that goes away ends it with starlette's
    `ClientDisconnect`.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_body_bytes:
        raise RequestTooLarge(f"The request body may have at most {max_body_bytes} bytes.")
    form = _FormParser(_boundary(request))
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_body_bytes:
            raise RequestTooLarge(f"The request body may have at most {max_body_bytes} bytes.")
        for event in form.feed(chunk):
            yield event
    form.finish()


def _boundary(request: Request) -> bytes:
    kind, parameters = parse_options_header(request.headers.get("content-type"))
    if kind.lower() != b"multipart/form-data":
        raise MalformedRequest("The body must be multipart/form-data.")
    boundary = parameters.get(b"boundary", b"")
    if not 0 < len(boundary) <= 200:
        raise MalformedRequest("The multipart boundary is missing or too long.")
    return boundary


class _FormParser:
    """Turns python-multipart's callbacks into events."""

    def __init__(self, boundary: bytes) -> None:
        self._events: list[FormEvent] = []
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        self._field_name = ""
        self._field_value: bytearray | None = None
        self._fields = 0
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, chunk: bytes) -> list[FormEvent]:
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise MalformedRequest("The multipart body is malformed.") from error
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        if not self._ended:
            raise MalformedRequest("The multipart body ends before its last boundary.")

    def _on_part_begin(self) -> None:
        self._disposition = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise MalformedRequest("A part of the form has no name.")
        name = options[b"name"].decode(errors="replace")
        if b"filename" in options:
            self._field_value = None
            self._events.append(FileBegins(name, options[b"filename"].decode(errors="replace")))
            return
        self._fields += 1
        if self._fields > _MOST_FIELDS:
            raise MalformedRequest(f"The form has more than {_MOST_FIELDS} fields.")
        self._field_name, self._field_value = name, bytearray()

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._field_value is None:
            self._events.append(FileData(data[start:end]))
            return
        self._field_value += data[start:end]
        if len(self._field_value) > _LONGEST_FIELD_BYTES:
            raise MalformedRequest(f"A form field is longer than {_LONGEST_FIELD_BYTES} bytes.")

    def _on_part_end(self) -> None:
        if self._field_value is None:
            self._events.append(FileEnds())
        else:
            self._events.append(Field(self._field_name, self._field_value.decode(errors="replace")))

    def _on_end(self) -> None:
        self._ended = True
