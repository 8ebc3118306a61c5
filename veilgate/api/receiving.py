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
        if self._file is not None:
            self._file.discard()


async def receive_one(request: Request, parts: Container) -> tuple[IncomingFile, UploadOptions]:
    """The single file of an upload and its options. The caller closes the file."""
    limit = parts.limits.max_file_bytes
    file: IncomingFile | None = None
    fields: dict[str, str] = {}
    try:
        async for event in read_form(request, max_body_bytes=limit + _FORM_OVERHEAD_BYTES):
            match event:
                case Field(name, value):
                    _add_field(fields, name, value)
                case FileBegins(name, filename):
                    if name != FILE_FIELD:
                        raise MissingFile(f"The file must be in the field '{FILE_FIELD}', not {name[:60]!r}.")
                    if file is not None:
                        raise TooManyFiles("One file a request; send several to /batch-upload.")
                    file = IncomingFile(parts.spool, filename, max_bytes=limit)
                case FileData(data):
                    assert file
                    await file.write(data)
                case FileEnds():
                    pass
        if file is None:
            raise MissingFile(f"The form has no file in the field '{FILE_FIELD}'.")
        return file, UploadOptions.parse(fields)
    except RequestTooLarge as error:
        await _close(file)
        raise FileTooLarge(f"A file may have at most {limit} bytes.") from error
    except BaseException:
        await _close(file)
        raise


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


def _add_field(fields: dict[str, str], name: str, value: str) -> None:
    if name == FILE_FIELD:
        raise MissingFile(f"The field '{FILE_FIELD}' must be a file, with a file name; it came as text.")
    if name in fields:
        raise InvalidOption(f"The option {name[:60]!r} was given twice.")
    fields[name] = value


async def _close(file: IncomingFile | None) -> None:
    if file is not None:
        await file.__aexit__(None, None, None)
