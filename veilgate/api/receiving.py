"""Receiving files: bytes from the form stream into the spool, a thread hop per megabyte."""

from collections.abc import AsyncIterator
from types import TracebackType

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from veilgate.api.container import Container
from veilgate.api.form_stream import Field, FileBegins, FileData, FileEnds, FormEvent, read_form
from veilgate.domain.errors import (
    EmptyFile,
    FileTooLarge,
    InvalidIdempotencyKey,
    InvalidOption,
    MissingFile,
    RequestTooLarge,
    TooManyFiles,
)
from veilgate.domain.filenames import display_name
from veilgate.domain.options import UploadOptions
from veilgate.services.intake import Upload
from veilgate.services.spool import Spool, SpooledFile

FILE_FIELD = "file"
_FLUSH_BYTES = 1 << 20
# Boundaries, part headers and option fields around the one file of an upload.
_FORM_OVERHEAD_BYTES = 64 * 1024
_LONGEST_KEY = 255


class IncomingFile:
    """A file being received; small ones touch the disk only once they are complete."""

    def __init__(self, spool: Spool, filename: str, *, max_bytes: int) -> None:
        self.filename = display_name(filename)
        self._spool = spool
        self._max_bytes = max_bytes
        self._received = 0
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._file: SpooledFile | None = None

    async def write(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > self._max_bytes:
            raise FileTooLarge(f"A file may have at most {self._max_bytes} bytes.")
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes >= _FLUSH_BYTES:
            await run_in_threadpool(self._flush)

    def spooled(self) -> SpooledFile:
        """The complete file. Blocks; call it in a thread."""
        if not self._received:
            raise EmptyFile
        self._flush()
        assert self._file
        return self._file

    def _flush(self) -> None:
        if self._file is None:
            self._file = self._spool.open()
        self._file.write(b"".join(self._held))
        self._held, self._held_bytes = [], 0

    async def __aenter__(self) -> "IncomingFile":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.discard()

    async def discard(self) -> None:
        """Remove what was received, unless it was taken over."""
        if self._file is not None:
            await run_in_threadpool(self._file.discard)


class OneFile:
    """The form of a single upload: one file and its options, in any order."""

    def __init__(self, parts: Container) -> None:
        self._parts = parts
        self._fields: dict[str, str] = {}
        self._file: IncomingFile | None = None

    async def receive(self, request: Request) -> tuple[IncomingFile, UploadOptions]:
        """The complete file, which the caller closes. When anything is wrong nothing is left behind."""
        limit = self._parts.limits.max_file_bytes
        try:
            async for event in read_form(request, max_body_bytes=limit + _FORM_OVERHEAD_BYTES):
                await self._handle(event)
            if self._file is None:
                raise MissingFile(f"The form has no file in the field '{FILE_FIELD}'.")
            return self._file, UploadOptions.parse(self._fields)
        except RequestTooLarge as error:
            await self._discard()
            raise FileTooLarge(f"A file may have at most {limit} bytes.") from error
        except BaseException:
            await self._discard()
            raise

    async def _handle(self, event: FormEvent) -> None:
        match event:
            case Field(name, value):
                self._add_field(name, value)
            case FileBegins(name, filename):
                self._begin_file(name, filename)
            case FileData(data):
                assert self._file
                await self._file.write(data)
            case FileEnds():
                pass

    def _begin_file(self, name: str, filename: str) -> None:
        if name != FILE_FIELD:
            raise MissingFile(f"The file must be in the field '{FILE_FIELD}', not {name[:60]!r}.")
        if self._file is not None:
            raise TooManyFiles("One file a request; send several to /batch-upload.")
        self._file = IncomingFile(self._parts.spool, filename, max_bytes=self._parts.limits.max_file_bytes)

    def _add_field(self, name: str, value: str) -> None:
        if name == FILE_FIELD:
            raise MissingFile(f"The field '{FILE_FIELD}' must be a file, with a file name; it came as text.")
        if name in self._fields:
            raise InvalidOption(f"The option {name[:60]!r} was given twice.")
        self._fields[name] = value

    async def _discard(self) -> None:
        if self._file is not None:
            await self._file.discard()


def as_upload(
    file: IncomingFile, options: UploadOptions, *, owner: str, correlation_id: str | None
) -> Upload:
    """Blocks; call it in a thread."""
    return Upload(file.spooled(), file.filename, options, owner, correlation_id)


def form_events(request: Request, parts: Container) -> AsyncIterator[FormEvent]:
    return read_form(request, max_body_bytes=parts.limits.max_batch_bytes)


def idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidIdempotencyKey
    return key
