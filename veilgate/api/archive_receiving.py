"""Receiving an archive: spooled to disk as it arrives, then read file by file in threads."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from veilgate.api.container import UploadLimits
from veilgate.api.form_stream import FilePart
from veilgate.api.request_body import chunks_in_time
from veilgate.domain.rejections import BadArchive, InvalidOption, RequestTooLarge
from veilgate.services.uploads.archive_entry import ArchiveEntry, ArchiveLimits
from veilgate.services.uploads.archives import HEAD_BYTES, ArchiveKind, archive_kind, read_archive
from veilgate.services.uploads.spool import Spool, SpooledFile

# What senders call archives; which kind one is, its first bytes say.
ARCHIVE_MEDIA_TYPES = (
    "application/zip",
    "application/x-zip-compressed",
    "application/x-tar",
    "application/x-gtar",
    "application/gzip",
    "application/x-gzip",
    "application/x-bzip2",
    "application/x-xz",
)
_FLUSH_BYTES = 1 << 20
# Folders, links and what macOS puts beside each file, for each file that a batch may have, and some.
_ENTRIES_PER_FILE = 4
_MORE_ENTRIES = 1000


def is_archive_body(request: Request) -> bool:
    """Whether the body claims to be an archive, and not a form."""
    media_type = request.headers.get("content-type", "").partition(";")[0]
    return media_type.strip().lower() in ARCHIVE_MEDIA_TYPES


def options_of_query(request: Request) -> dict[str, str]:
    """Options given in the address, by the names that they have in forms."""
    options: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in options:
            raise InvalidOption(f"The option {name[:60]!r} was given twice.")
        options[name] = value
    return options


class PeekedFile:
    """A file whose first bytes are known; iterate over it once, as over any other."""

    def __init__(self, filename: str, head: bytes, rest: AsyncIterator[bytes]) -> None:
        self.filename = filename
        self.archive_kind = archive_kind(head)
        self._head = head
        self._rest = rest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._head
        async for chunk in self._rest:
            yield chunk


async def peek_part(part: FilePart) -> PeekedFile:
    """Read enough of a form's file to tell whether it is an archive."""
    return await _peek(part.filename, aiter(part))


async def peek_body(request: Request, *, max_bytes: int) -> PeekedFile:
    """The body of a request as a file. Raises `RequestTooLarge`, also later on."""
    return await _peek("", _body(request, max_bytes))


@asynccontextmanager
async def spooled(file: PeekedFile, spool: Spool) -> AsyncIterator["SpooledArchive"]:
    """The whole archive on disk, until the end of the block. Raises `BadArchive` if the file is none."""
    if file.archive_kind is None:
        raise BadArchive("This is no zip and no tar, plain or as .gz, .bz2 or .xz.")
    on_disk = await asyncio.to_thread(spool.open)
    try:
        await _write(file, on_disk)
        yield SpooledArchive(on_disk.path, file.archive_kind)
    finally:
        await asyncio.to_thread(on_disk.discard)


async def _write(chunks: AsyncIterable[bytes], file: SpooledFile) -> None:
    held: list[bytes] = []
    held_bytes = 0
    async for chunk in chunks:
        held.append(chunk)
        held_bytes += len(chunk)
        if held_bytes >= _FLUSH_BYTES:
            await asyncio.to_thread(file.write, b"".join(held))
            held, held_bytes = [], 0
    await asyncio.to_thread(file.write, b"".join(held))


async def _peek(filename: str, chunks: AsyncIterator[bytes]) -> PeekedFile:
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    return PeekedFile(filename, head, chunks)


async def _body(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    too_large = RequestTooLarge(f"The request body may have at most {max_bytes} bytes.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise too_large
    received = 0
    async for chunk in chunks_in_time(request):
        received += len(chunk)
        if received > max_bytes:
            raise too_large
        yield chunk


class ArchivedFile:
    """A file in an archive whose bytes are still to come, in pieces read by threads."""

    def __init__(self, entry: ArchiveEntry) -> None:
        self.filename = entry.name
        self._entry = entry

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = self._entry.pieces()
        while piece := await run_in_threadpool(next, pieces, b""):
            yield piece


class SpooledArchive:
    """An archive on disk, of a kind that can be read."""

    def __init__(self, path: Path, kind: ArchiveKind) -> None:
        self._path = path
        self._kind = kind

    async def files(self, limits: UploadLimits) -> AsyncGenerator[ArchivedFile]:
        """The files in it, one after the other. Raises `BadArchive` where it cannot be read on."""
        within = ArchiveLimits(
            max_entries=_ENTRIES_PER_FILE * limits.max_batch_files + _MORE_ENTRIES,
            max_bytes=limits.max_batch_bytes,
        )
        with closing(read_archive(self._path, self._kind, within)) as entries:
            while entry := await run_in_threadpool(next, entries, None):
                yield ArchivedFile(entry)
