"""Rows as values: what repositories take and give."""

from dataclasses import dataclass, field

from veilgate.domain.jobs import JobKind, JobStatus, Lane


@dataclass(frozen=True, slots=True)
class NewImage:
    id: str
    owner_id: str
    sha256: str
    filename: str
    file_size: int
    format: str
    width: int
    height: int
    original_key: str


@dataclass(frozen=True, slots=True)
class ImageRecord:
    id: str
    owner_id: str
    sha256: str
    filename: str
    file_size: int
    format: str
    width: int
    height: int
    original_key: str
    current_job_id: str | None
    original_dropped_at_ms: int | None
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class NewJob:
    id: str
    owner_id: str
    image_id: str
    kind: JobKind
    lane: Lane
    options: str
    correlation_id: str | None
    dedup_key: str | None = None
    then_lookup: bool = False


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands, with what its image adds to an answer."""

    id: str
    owner_id: str
    image_id: str
    kind: JobKind
    lane: Lane
    status: JobStatus
    fence: int
    attempts: int
    deliveries: int
    options: str
    event_seq: int
    error_code: str | None
    error_message: str | None
    result_key: str | None
    results: str | None
    created_at_ms: int
    updated_at_ms: int
    started_at_ms: int | None
    filename: str
    file_size: int
    original_key: str


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """What a worker must know before it takes a job on."""

    id: str
    suspect: bool
    pixels: int


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job that is ours until its lease ends, as long as nobody draws a higher fence."""

    id: str
    owner_id: str
    image_id: str
    fence: int
    attempts: int
    deliveries: int
    options: str
    original_key: str
    filename: str
    sha256: str
    format: str
    width: int
    height: int
    created_at_ms: int
    started_at_ms: int
    correlation_id: str | None
    # Since when it could have been claimed, and when it was accepted or last wished for again.
    not_before_ms: int
    asked_at_ms: int
    # Below which name the files are of the result that the image shows now.
    shown_result_key: str | None = None


@dataclass(frozen=True, slots=True)
class DueJob:
    """A job that waits for a worker and is in no work list that we know of."""

    id: str
    kind: JobKind
    lane: Lane
    # For the log alone.
    correlation_id: str | None = field(default=None, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """`oldest_age_ms` is how long ago the job became due that has been due longest: back-off is no waiting.
    `overdue` counts those who have waited longer than was asked about."""

    jobs: int
    oldest_age_ms: int
    overdue: int


@dataclass(frozen=True, slots=True)
class DispatchedJob(DueJob):
    """A job that was put on a work list and has not begun, with its place among those."""

    dispatched_at_ms: int
    not_before_ms: int


@dataclass(frozen=True, slots=True)
class ExpiredJob:
    """A job whose worker fell silent."""

    id: str
    kind: JobKind
    fence: int
    attempts: int
    deliveries: int
    ran_alone: bool
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewDirectUpload:
    id: str
    owner_id: str
    filename: str
    file_size: int
    sha256: str
    options: str
    object_key: str


@dataclass(frozen=True, slots=True)
class DirectUploadRecord:
    """An announced upload; `job_id` is set once the file was taken."""

    id: str
    owner_id: str
    filename: str
    file_size: int
    sha256: str
    options: str
    object_key: str
    job_id: str | None
    deduplicated: bool


@dataclass(frozen=True, slots=True)
class NewEvent:
    """What happened to a job; it gets its number when it is written."""

    stage: str
    outcome: str
    payload: str
    took_ms: int | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class EventRecord:
    seq: int
    attempt: int
    stage: str
    outcome: str
    payload: str
    took_ms: int | None
    model: str | None
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class JobStanding:
    """Where a job stands: events 1 to `event_seq` are written, and will be all once it has ended."""

    job_id: str
    image_id: str
    status: JobStatus
    event_seq: int


@dataclass(frozen=True, slots=True)
class NewBatchItem:
    batch_id: str
    position: int
    filename: str
    sha256: str | None
    job_id: str | None
    error_code: str | None = None
    error_message: str | None = None
    deduplicated: bool = False


@dataclass(frozen=True, slots=True)
class BatchItemRecord:
    position: int
    filename: str
    sha256: str | None
    job_id: str | None
    deduplicated: bool
    status: JobStatus | None
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    fingerprint: str
    job_id: str | None
    batch_id: str | None
    deduplicated: bool
