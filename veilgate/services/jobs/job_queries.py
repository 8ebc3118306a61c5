"""What callers ask about jobs: where one stands, and what has happened to it."""

import json
from dataclasses import dataclass

from veilgate.domain.errors import JobNotFound
from veilgate.domain.ids import is_id
from veilgate.domain.jobs import JobKind, JobStatus
from veilgate.persistence.status_rows import StatusRow, read_status
from veilgate.persistence.unit_of_work import Database
from veilgate.services.images.image_links import ImageLinks


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """Where a job stands, and all of it as a JSON document."""

    status: JobStatus
    document: bytes


class JobQueries:
    def __init__(self, database: Database, links: ImageLinks | None = None) -> None:
        self._database = database
        self._links = links or ImageLinks()
        self._instant = database.instant_status_rows()

    def status_at_once(self, job_id: str, owner_id: str) -> StatusAnswer | None:
        """As `status`, or None where that may have to wait. For one thread only: that of the event loop."""
        if self._instant is None or not is_id(job_id):
            return None
        row = self._instant.read(job_id, owner_id)
        return _answer(row, self._links) if row else None

    def status(self, job_id: str, owner_id: str) -> StatusAnswer:
        """The answer of `GET /status/{job_id}`."""
        if not is_id(job_id):
            raise JobNotFound
        with self._database.read() as transaction:
            row = read_status(transaction.connection, job_id, owner_id)
        if row is None:
            raise JobNotFound
        return _answer(row, self._links)


def _answer(row: StatusRow, links: ImageLinks) -> StatusAnswer:
    """What was stored as JSON is put in as it is, without being read."""
    results = _results(row, links) if row.results and row.status == JobStatus.COMPLETED else "null"
    error = "null"
    if row.error_code:
        error = json.dumps({"code": row.error_code, "message": row.error_message})
    document = (
        f'{{"job_id":"{row.job_id}","image_id":"{row.image_id}","kind":"{row.kind}","status":"{row.status}",'
        f'"filename":{json.dumps(row.filename)},"file_size":{row.file_size},'
        f'"created_at":{row.created_at_ms // 1000},"updated_at":{row.updated_at_ms // 1000},'
        f'"attempts":{row.attempts},"options":{row.options},"lookup_job_id":{json.dumps(row.lookup_job_id)},'
        f'"results":{results},"error":{error}}}'
    )
    return StatusAnswer(JobStatus(row.status), document.encode())


def _results(row: StatusRow, links: ImageLinks) -> str:
    """With what the index has found since they were stored, and where callers find the files."""
    assert row.results
    if row.kind != JobKind.VEIL:
        return row.results
    near, rest = "null", row.results[1:]
    if row.near_duplicate_of and row.near_duplicate_score is not None:
        near = f'{{"image_id":"{row.near_duplicate_of}","score":{round(row.near_duplicate_score, 6)}}}'
    found_at = links.of(row.image_id, row.result_key)
    added = (
        f'"near_duplicate_of":{near},"processed_url":{json.dumps(found_at["processed_url"])},'
        f'"thumbnail_urls":{json.dumps(found_at["thumbnail_urls"])}'
    )
    return f"{{{added}{',' if rest != '}' else ''}{rest}"
