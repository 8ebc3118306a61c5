"""The shapes of answers, as /docs shows them."""

from typing import Any, Literal

from pydantic import BaseModel

from veilgate.api.schemas.lookups import LookupResults


class NearDuplicate(BaseModel):
    image_id: str
    score: float


class JobResults(BaseModel):
    """`near_duplicate_of` is the likest of the owner's earlier images, if it is near enough; it is found
    within a second or so after the end."""

    original_image_path: str
    processed_image_path: str
    thumbnail_paths: dict[str, str]
    processing_time: float
    queue_time: float
    blur_metadata: dict[str, Any]
    detection_metadata: dict[str, Any]
    embedding_metadata: dict[str, Any] = {}
    stages: dict[str, Any]
    options: dict[str, Any]
    near_duplicate_of: NearDuplicate | None = None
    processed_url: str | None = None
    thumbnail_urls: dict[str, str] = {}


class UploadAccepted(BaseModel):
    """`results` is there when the same picture was completed before (`deduplicated`)."""

    job_id: str
    filename: str
    file_size: int
    status: Literal["submitted", "processing", "completed", "failed", "cancelled"]
    deduplicated: bool
    message: str
    results: JobResults | None = None


class UploadAnnounced(BaseModel):
    """PUT the file to `url` with these headers before `expires_at` (Unix time), then POST to `complete`."""

    upload_id: str
    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: int
    complete: str


class ErrorNote(BaseModel):
    code: str
    message: str


class AcceptedFile(BaseModel):
    job_id: str
    filename: str
    file_size: int
    deduplicated: bool


class RejectedFile(BaseModel):
    filename: str
    error: ErrorNote


class BatchAccepted(BaseModel):
    batch_id: str
    accepted: list[AcceptedFile]
    rejected: list[RejectedFile]


class BatchItem(BaseModel):
    position: int
    filename: str
    job_id: str | None
    status: str
    error: ErrorNote | None = None


class BatchStatus(BaseModel):
    """`next` is the position to ask for the following page with, or null."""

    batch_id: str
    created_at: int
    total: int
    done: bool
    counts: dict[str, int]
    items: list[BatchItem]
    next: int | None


class JobStatusAnswer(BaseModel):
    """`lookup_job_id` is the lookup of the image that was asked for last."""

    job_id: str
    image_id: str
    kind: Literal["veil", "lookup"]
    status: Literal["submitted", "processing", "completed", "failed", "cancelled"]
    filename: str
    file_size: int
    created_at: int
    updated_at: int
    attempts: int
    options: dict[str, Any]
    lookup_job_id: str | None
    results: JobResults | LookupResults | None
    error: ErrorNote | None


class JobState(BaseModel):
    job_id: str
    status: str
    updated_at: int


class CallerAnswer(BaseModel):
    """`csrf_token` is there of sessions: what changes something needs it in the header `csrf_header`."""

    owner: str
    scopes: list[Literal["upload", "read", "originals", "erase", "admin", "webhooks"]]
    csrf_token: str | None = None
    csrf_header: str | None = None


class SessionOpened(CallerAnswer):
    expires_at: int


class Problem(BaseModel):
    """RFC 9457; `code` is stable and meant for programs. `retry_after` is in seconds, as in the header."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    retry_after: int | None = None
