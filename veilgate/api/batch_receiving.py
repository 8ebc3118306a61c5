"""Receiving a batch: each file is accepted or refused as soon as it is complete."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from veilgate.api.archive_receiving import (
    PeekedFile,
    SpooledArchive,
    is_archive_body,
    options_of_query,
    peek_body,
    peek_part,
    spooled,
)
from veilgate.api.container import Container
from veilgate.api.form_stream import Field, FilePart, read_form
from veilgate.api.receiving import (
    FILE_FIELDS,
    IncomingFile,
    add_option,
    as_upload,
    idempotency_key,
    require_field,
)
from veilgate.api.request_metrics import count_refused, count_taken
from veilgate.domain.errors import Unavailable, VeilgateError
from veilgate.domain.options import UploadOptions
from veilgate.domain.rejections import (
    BadArchive,
    FileTooLarge,
    InputRejected,
    MissingFile,
    OptionAfterFile,
    TooManyFiles,
)
from veilgate.services.uploads.batches import OpenBatch


class BatchInterrupted(Exception):
    """The request ended early; the files before the fault run, and `batch_id` says where to find them."""

    def __init__(self, error: VeilgateError, batch_id: str) -> None:
        super().__init__(error.code)
        self.error = error
        self.batch_id = batch_id


async def receive_batch(
    request: Request, parts: Container, *, owner: str, correlation_id: str | None
) -> dict[str, Any]:
    """Read one batch request, be it a form or an archive. What has been accepted stays accepted, whatever
    happens after it."""
    intake = _BatchIntake(parts, owner, idempotency_key(request), correlation_id)
    take = _take_archive_body if is_archive_body(request) else _take_form
    try:
        await take(request, intake)
    except VeilgateError as error:
        if intake.batch is None:
            raise
        raise BatchInterrupted(error, intake.batch.id) from error
    if intake.batch is None:
        raise MissingFile("There is no file in the field 'files', or none in the archive.")
    return {"batch_id": intake.batch.id, "accepted": intake.accepted, "rejected": intake.rejected}


async def _take_archive_body(request: Request, intake: "_BatchIntake") -> None:
    parts = intake.parts
    intake.options = parts.read_options(options_of_query(request))
    body = await peek_body(request, max_bytes=parts.limits.max_batch_bytes)
    async with spooled(body, parts.spool) as archive:
        await _take_archive(archive, intake)


async def _take_form(request: Request, intake: "_BatchIntake") -> None:
    parts = intake.parts
    fields = options_of_query(request)
    form = read_form(request, max_body_bytes=parts.limits.max_batch_bytes)
    async for part in form:
        if isinstance(part, Field):
            if intake.batch is not None:
                raise _too_late(part)
            add_option(fields, part)
            continue
        require_field(part, "files", allowed=FILE_FIELDS)
        if intake.batch is not None:
            await intake.take(part)
            continue
        intake.options = parts.read_options(fields)
        first = await peek_part(part)
        if first.archive_kind:
            await _take_archive_part(first, form, intake)
        else:
            await intake.take(first)


async def _take_archive_part(
    file: PeekedFile, rest: AsyncIterator[Field | FilePart], intake: "_BatchIntake"
) -> None:
    """The archive that is the only file of a form, once the form is known to be whole."""
    async with spooled(file, intake.parts.spool) as archive:
        async for part in rest:
            if isinstance(part, Field):
                raise _too_late(part)
            raise TooManyFiles("An archive must be the only file of the form.")
        await _take_archive(archive, intake)


async def _take_archive(archive: SpooledArchive, intake: "_BatchIntake") -> None:
    async with aclosing(archive.files(intake.parts.limits)) as files:
        async for file in files:
            await intake.take(file)


def _too_late(part: Field) -> OptionAfterFile:
    return OptionAfterFile(
        f"Put {part.name[:60]!r} before the first file: files are accepted as they arrive."
    )


class _IncomingBytes(Protocol):
    """A file whose bytes are still to come: iterate over it once."""

    filename: str

    def __aiter__(self) -> AsyncIterator[bytes]: ...


@dataclass
class _BatchIntake:
    """What became of the files of a request so far. The batch begins with the first of them."""

    parts: Container
    owner: str
    key: str | None
    correlation_id: str | None
    options: UploadOptions = field(default_factory=UploadOptions)
    batch: OpenBatch | None = None
    accepted: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, incoming: _IncomingBytes) -> None:
        """Accept or refuse the next file."""
        limits, position = self.parts.limits, len(self.accepted) + len(self.rejected)
        if position >= limits.max_batch_files:
            raise TooManyFiles(f"A batch may have at most {limits.max_batch_files} files.")
        if self.batch is None:
            self.batch = await run_in_threadpool(self._begin)
        batch = self.batch
        await self._require_room(batch, position)
        async with IncomingFile(self.parts.spool, incoming.filename, max_bytes=limits.max_file_bytes) as file:
            fault: InputRejected | None = None
            try:
                await file.fill(incoming)
            except (FileTooLarge, BadArchive) as error:
                fault = error
            try:
                self.accepted.append(await run_in_threadpool(self._settle, file, batch, position, fault))
            except InputRejected as error:
                count_refused()
                note = {"code": error.code, "message": error.message}
                self.rejected.append({"filename": file.filename, "error": note})

    def _begin(self) -> OpenBatch:
        return self.parts.batches.begin(self.owner, self.options, idempotency_key=self.key)

    async def _require_room(self, batch: OpenBatch, position: int) -> None:
        """For one more file. Without it the request ends here: sent again with its key it goes on where it
        stopped, and what an earlier request has brought needs no room."""
        try:
            await self.parts.require_room(batch.owner_id)
        except Unavailable:
            if not await run_in_threadpool(self.parts.batches.has_taken, batch, position):
                raise

    def _settle(
        self, file: IncomingFile, batch: OpenBatch, position: int, fault: InputRejected | None
    ) -> dict[str, Any]:
        """Write the file's end down, in a thread. Raises `InputRejected` when it is refused, as for its
        `fault`."""
        if fault is not None:
            self.parts.batches.refuse(batch, position, file.filename, fault)
            raise fault
        upload = as_upload(file, self.options, owner=batch.owner_id, correlation_id=self.correlation_id)
        with upload.file:
            job = self.parts.batches.add(batch, position, upload)
        self.parts.set_to_work(job)
        count_taken(job)
        return {
            "job_id": job.job_id,
            "filename": job.filename,
            "file_size": job.file_size,
            "deduplicated": job.deduplicated,
        }
