"""Receiving a batch: each file is accepted or refused as soon as it is complete."""

from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

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
from veilgate.domain.errors import (
    FileTooLarge,
    InputRejected,
    MissingFile,
    OptionAfterFile,
    TooManyFiles,
    Unavailable,
    VeilgateError,
)
from veilgate.domain.jobs import JobKind
from veilgate.domain.options import UploadOptions
from veilgate.services.batches import OpenBatch


class BatchInterrupted(Exception):
    """The request ended early; the files before the fault run, and `batch_id` says where to find them."""

    def __init__(self, error: VeilgateError, batch_id: str) -> None:
        super().__init__(error.code)
        self.error = error
        self.batch_id = batch_id


async def receive_batch(
    request: Request, parts: Container, *, owner: str, correlation_id: str | None
) -> dict[str, Any]:
    """Read one batch request. What has been accepted stays accepted, whatever happens after it."""
    key = idempotency_key(request)
    fields: dict[str, str] = {}
    intake: _BatchIntake | None = None
    try:
        async for part in read_form(request, max_body_bytes=parts.limits.max_batch_bytes):
            if isinstance(part, Field):
                _require_first(part, intake)
                add_option(fields, part)
                continue
            require_field(part, "files", allowed=FILE_FIELDS)
            if intake is None:
                options = parts.read_options(fields)
                batch = await run_in_threadpool(parts.batches.begin, owner, options, idempotency_key=key)
                intake = _BatchIntake(parts, batch, options, correlation_id)
            await intake.take(part)
    except VeilgateError as error:
        if intake is None:
            raise
        raise BatchInterrupted(error, intake.batch.id) from error
    if intake is None:
        raise MissingFile("The form has no file in the field 'files'.")
    return {"batch_id": intake.batch.id, "accepted": intake.accepted, "rejected": intake.rejected}


def _require_first(part: Field, intake: "_BatchIntake | None") -> None:
    if intake is not None:
        raise OptionAfterFile(
            f"Put {part.name[:60]!r} before the first file: files are accepted as they arrive."
        )


@dataclass
class _BatchIntake:
    """A batch that has begun, and what became of its files so far."""

    parts: Container
    batch: OpenBatch
    options: UploadOptions
    correlation_id: str | None
    accepted: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, part: FilePart) -> None:
        """Accept or refuse the next file."""
        limits, position = self.parts.limits, len(self.accepted) + len(self.rejected)
        if position >= limits.max_batch_files:
            raise TooManyFiles(f"A batch may have at most {limits.max_batch_files} files.")
        await self._require_room(position)
        async with IncomingFile(self.parts.spool, part.filename, max_bytes=limits.max_file_bytes) as file:
            too_large: FileTooLarge | None = None
            try:
                await file.fill(part)
            except FileTooLarge as error:
                too_large = error
            try:
                self.accepted.append(await run_in_threadpool(self._settle, file, position, too_large))
            except InputRejected as error:
                note = {"code": error.code, "message": error.message}
                self.rejected.append({"filename": file.filename, "error": note})

    async def _require_room(self, position: int) -> None:
        """For one more file. Without it the request ends here: sent again with its key it goes on where it
        stopped, and what an earlier request has brought needs no room."""
        try:
            await self.parts.require_room(self.batch.owner_id)
        except Unavailable:
            if not await run_in_threadpool(self.parts.batches.has_taken, self.batch, position):
                raise

    def _settle(self, file: IncomingFile, position: int, too_large: FileTooLarge | None) -> dict[str, Any]:
        """Write the file's end down, in a thread. Raises `InputRejected` when it is refused."""
        if too_large is not None:
            self.parts.batches.refuse(self.batch, position, file.filename, too_large)
            raise too_large
        upload = as_upload(file, self.options, owner=self.batch.owner_id, correlation_id=self.correlation_id)
        with upload.file:
            job = self.parts.batches.add(self.batch, position, upload)
        if job.is_new:
            self.parts.dispatch(job.job_id, JobKind.VEIL, job.lane)
        return {
            "job_id": job.job_id,
            "filename": job.filename,
            "file_size": job.file_size,
            "deduplicated": job.deduplicated,
        }
