"""Receiving files: small ones into memory, larger ones into the spool, a thread hop per megabyte."""

import asyncio
from collections.abc import AsyncIterable
from types import TracebackType

from fastapi import Request

from veilgate.api.container import Container
from veilgate.api.form_stream import Field, FilePart, read_form
from veilgate.domain.filenames import display_name
from veilgate.domain.options import UploadOptions
from veilgate.domain.rejections import (
    FileTooLarge,
    InvalidIdempotencyKey,
    InvalidOption,
    MissingFile,
    RequestTooLarge,
    TooManyFiles,
)
from veilgate.services.uploads.intake import Upload
from veilgate.services.uploads.received_file import HeldFile, ReceivedFile
from veilgate.services.uploads.spool import Spool, SpooledFile

FILE_FIELDS = frozenset({"file", "files", "files[]"})
_FLUSH_BYTES = 1 << 20
# Boundaries, part headers and option fields around the one file of an upload.
FORM_OVERHEAD_BYTES = 64 * 1024
_LONGEST_KEY = 255


class IncomingFile:
    """A file being received; small ones stay in memory until they are accepted."""

    def __init__(self, spool: Spool, filename: str, *, max_bytes: int) -> None:
        self.filename = display_name(filename)
        self._spool = spool
        self._max_bytes = max_bytes
        self.received_bytes = 0
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._file: SpooledFile | None = None

    async def fill(self, chunks: AsyncIterable[bytes]) -> None:
        """Take all bytes. Raises `FileTooLarge` as soon as there are too many."""
        async for data in chunks:
            self.received_bytes += len(data)
            if self.received_bytes > self._max_bytes:
                raise too_large(self._max_bytes)
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes >= _FLUSH_BYTES:
                await asyncio.to_thread(self._flush)

    def hand_over(self) -> ReceivedFile:
        """The complete file, which is the caller's to discard. Blocks; call it in a thread."""
        if self._file is None:
            return HeldFile(b"".join(self._held))
        file, self._file = self._flush(), None
        return file

    def _flush(self) -> SpooledFile:
        if self._file is None:
            self._file = self._spool.open()
        self._file.write(b"".join(self._held))
        self._held, self._held_bytes = [], 0
        return self._file

    async def __aenter__(self) -> "IncomingFile":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.discard()

    async def discard(self) -> None:
        """Remove what was received, unless it was taken over."""
        if self._file is not None:
            await asyncio.to_thread(self._file.discard)


async def receive_one(request: Request, parts: Container) -> tuple[IncomingFile, UploadOptions]:
    """The one file of the form, which the caller discards, and its options, in any order.

    When anything is wrong nothing is left behind.
    """
    limit = parts.limits.max_file_bytes
    fields: dict[str, str] = {}
    file: IncomingFile | None = None
    try:
        async for part in read_form(request, max_body_bytes=limit + FORM_OVERHEAD_BYTES):
            if isinstance(part, Field):
                add_option(fields, part)
                continue
            if file is not None:
                raise TooManyFiles("One file a request; send several to /batch-upload.")
            require_field(part, "file", allowed=frozenset({"file"}))
            file = IncomingFile(parts.spool, part.filename, max_bytes=limit)
            await file.fill(part)
        if file is None:
            raise MissingFile("The form has no file in the field 'file'.")
        return file, parts.read_options(fields)
    except BaseException as error:
        if file is not None:
            await file.discard()
        if isinstance(error, RequestTooLarge):
            raise too_large(limit) from error
        raise


def add_option(fields: dict[str, str], part: Field) -> None:
    if part.name in FILE_FIELDS:
        raise MissingFile(f"The field '{part.name}' must be a file, with a file name; it came as text.")
    if part.name in fields:
        raise InvalidOption(f"The option {part.name[:60]!r} was given twice.")
    fields[part.name] = part.value


def require_field(part: FilePart, expected: str, *, allowed: frozenset[str]) -> None:
    if part.name not in allowed:
        raise MissingFile(f"Files must be in the field '{expected}', not {part.name[:60]!r}.")


def too_large(max_bytes: int) -> FileTooLarge:
    return FileTooLarge(f"A file may have at most {max_bytes} bytes.")


def as_upload(
    file: IncomingFile, options: UploadOptions, *, owner: str, correlation_id: str | None
) -> Upload:
    """The complete upload, whose file the caller discards. Blocks; call it in a thread."""
    return Upload(file.hand_over(), file.filename, options, owner, correlation_id)


def idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidIdempotencyKey
    return key
