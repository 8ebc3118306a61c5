"""Reads multipart/form-data as it arrives: parts, not files, so that nothing is spooled twice."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from veilgate.api.request_body import chunks_in_time
from veilgate.domain.rejections import MalformedRequest, RequestTooLarge

_MOST_FIELDS = 64
_LONGEST_FIELD_BYTES = 16 * 1024
# Room for a file name of 5 kB; names are cut to 255 characters later.
_LONGEST_HEADER_BYTES = 16 * 1024
_LONGEST_EPILOGUE_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Field:
    """A text field, complete."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class _FileBegins:
    name: str
    filename: str


@dataclass(frozen=True, slots=True)
class _FileData:
    data: bytes


@dataclass(frozen=True, slots=True)
class _FileEnds:
    pass


_FormEvent = Field | _FileBegins | _FileData | _FileEnds


class FilePart:
    """A file whose bytes are still to come: iterate over it once, before the next part is asked for."""

    def __init__(self, name: str, filename: str, events: AsyncIterator[_FormEvent]) -> None:
        self.name = name
        self.filename = filename
        self._events = events
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not self._ended:
            match await anext(self._events):
                case _FileData(data):
                    yield data
                case _FileEnds():
                    self._ended = True

    async def skip(self) -> None:
        """Read what is left of the file and forget it."""
        async for _ in self:
            pass


async def read_form(request: Request, *, max_body_bytes: int) -> AsyncIterator[Field | FilePart]:
    """The parts of a multipart body in order. Counts the bytes that really arrive, whatever the headers say.

    Raises `MalformedRequest`, `RequestTooLarge`, and what `chunks_in_time` raises.
    """
    events = _events(request, max_body_bytes=max_body_bytes)
    async for event in events:
        if isinstance(event, Field):
            yield event
        elif isinstance(event, _FileBegins):
            file = FilePart(event.name, event.filename, events)
            yield file
            await file.skip()


async def _events(request: Request, *, max_body_bytes: int) -> AsyncGenerator[_FormEvent]:
    too_large = RequestTooLarge(f"The request body may have at most {max_body_bytes} bytes.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_body_bytes:
        raise too_large
    form = _FormParser(_boundary(request))
    received = epilogue = 0
    async for chunk in chunks_in_time(request):
        received += len(chunk)
        if received > max_body_bytes:
            raise too_large
        if form.has_ended:
            epilogue += len(chunk)
            if epilogue > _LONGEST_EPILOGUE_BYTES:
                raise MalformedRequest("The multipart body goes on after its last boundary.")
            continue
        for event in form.feed(chunk):
            yield event
    if not form.has_ended:
        raise MalformedRequest("The multipart body ends before its last boundary.")


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
        self.has_ended = False
        self._events: list[_FormEvent] = []
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        self._field_name = ""
        self._field_value: bytearray | None = None
        self._fields = 0
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
            max_header_size=_LONGEST_HEADER_BYTES,
        )

    def feed(self, chunk: bytes) -> list[_FormEvent]:
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise MalformedRequest("The multipart body is malformed.") from error
        events, self._events = self._events, []
        return events

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
            self._events.append(_FileBegins(name, options[b"filename"].decode(errors="replace")))
            return
        self._fields += 1
        if self._fields > _MOST_FIELDS:
            raise MalformedRequest(f"The form has more than {_MOST_FIELDS} fields.")
        self._field_name, self._field_value = name, bytearray()

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._field_value is None:
            self._events.append(_FileData(data[start:end]))
            return
        self._field_value += data[start:end]
        if len(self._field_value) > _LONGEST_FIELD_BYTES:
            raise MalformedRequest(f"A form field is longer than {_LONGEST_FIELD_BYTES} bytes.")

    def _on_part_end(self) -> None:
        if self._field_value is None:
            self._events.append(_FileEnds())
        else:
            self._events.append(Field(self._field_name, self._field_value.decode(errors="replace")))

    def _on_end(self) -> None:
        self.has_ended = True
