"""Receiving a batch: each file is accepted or refused as soon as it is complete."""

from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from veilgate.api.container import Container
from veilgate.api.form_stream import Field, FileBegins, FileData, FileEnds, FormEvent
from veilgate.api.receiving import IncomingFile, as_upload, form_events, idempotency_key
from veilgate.domain.errors import FileTooLarge, InputRejected, MissingFile, OptionAfterFile, TooManyFiles
from veilgate.domain.filenames import display_name
from veilgate.domain.jobs import JobKind
from veilgate.domain.options import UploadOptions
from veilgate.services.batches import OpenBatch

FILE_FIELDS = frozenset({"files", "file", "files[]"})


@dataclass
class BatchReceiver:
    """Reads one batch request. What has been accepted stays accepted, whatever happens after it."""

    request: Request
    parts: Container
    owner: str
    correlation_id: str | None
    fields: dict[str, str] = field(default_factory=dict)
    accepted: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    batch: OpenBatch | None = None
    options: UploadOptions = field(default_factory=UploadOptions)
    _position: int = -1
    _file: IncomingFile | None = None
    _refusal: InputRejected | None = None
    _filename: str = ""

    async def receive(self) -> dict[str, Any]:
        try:
            async for event in form_events(self.request, self.parts):
                await self._handle(event)
        except InputRejected as error:
            # The files before the fault run; tell the caller where to find them.
            error.extra = {"batch_id": self.batch.id if self.batch else None}  # type: ignore[attr-defined]
            raise
        finally:
            await self._discard_file()
        if self.batch is None:
            raise MissingFile("The form has no file in the field 'files'.")
        return {"batch_id": self.batch.id, "accepted": self.accepted, "rejected": self.rejected}

    async def _handle(self, event: FormEvent) -> None:
        match event:
            case Field(name, value):
                if self.batch is not None:
                    raise OptionAfterFile(
                        f"Put {name[:60]!r} before the first file: files are accepted as they arrive."
                    )
                self.fields[name] = value
            case FileBegins(name, filename):
                await self._begin_file(name, filename)
            case FileData(data):
                await self._write(data)
            case FileEnds():
                await self._end_file()

    async def _begin_file(self, name: str, filename: str) -> None:
        if name not in FILE_FIELDS:
            raise MissingFile(f"Files must be in the field 'files', not {name[:60]!r}.")
        if self.batch is None:
            self.options = UploadOptions.parse(self.fields)
            self.batch = await run_in_threadpool(
                self.parts.batches.begin,
                self.owner,
                self.options,
                idempotency_key=idempotency_key(self.request),
            )
        self._position += 1
        if self._position >= self.parts.limits.max_batch_files:
            raise TooManyFiles(f"A batch may have at most {self.parts.limits.max_batch_files} files.")
        self._filename, self._refusal = display_name(filename), None
        self._file = IncomingFile(self.parts.spool, filename, max_bytes=self.parts.limits.max_file_bytes)

    async def _write(self, data: bytes) -> None:
        if self._file is None:
            return  # the rest of a file that was refused
        try:
            await self._file.write(data)
        except FileTooLarge as error:
            self._refusal = error
            await self._discard_file()

    async def _end_file(self) -> None:
        try:
            job = await run_in_threadpool(self._accept)
        except InputRejected as error:
            self.rejected.append(
                {"filename": self._filename, "error": {"code": error.code, "message": error.message}}
            )
        else:
            self.accepted.append(job)
        await self._discard_file()

    def _accept(self) -> dict[str, Any]:
        """Accept or refuse the complete file, in a thread."""
        assert self.batch
        try:
            if self._refusal is not None:
                raise self._refusal
            assert self._file
            upload = as_upload(self._file, self.options, owner=self.owner, correlation_id=self.correlation_id)
        except InputRejected as error:
            self.parts.batches.refuse(self.batch, self._position, self._filename, error)
            raise
        job = self.parts.batches.add(self.batch, self._position, upload)
        if job.is_new:
            self.parts.dispatch(job.job_id, JobKind.VEIL, job.lane)
        return {"job_id": job.job_id, "filename": job.filename, "file_size": job.file_size}

    async def _discard_file(self) -> None:
        if self._file is not None:
            await self._file.discard()
            self._file = None
