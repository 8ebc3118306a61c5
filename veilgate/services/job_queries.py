"""What callers ask about jobs: where one stands, and what has happened to it."""

import json
from collections.abc import Sequence
from typing import Any

from veilgate.domain.errors import JobNotFound
from veilgate.domain.ids import is_id
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.records import EventRecord, JobRecord
from veilgate.persistence.unit_of_work import Database


class JobQueries:
    def __init__(self, database: Database) -> None:
        self._database = database

    def status(self, job_id: str, owner_id: str) -> dict[str, Any]:
        """The answer of `GET /status/{job_id}`."""
        return status_answer(self._job(job_id, owner_id))

    def events_after(self, job_id: str, owner_id: str, seq: int) -> tuple[Sequence[EventRecord], bool]:
        """Events with a higher number, and whether the job has ended and these are the last.

        A number that the job has not reached yet is none of ours: all events are given.
        """
        with self._database.read() as transaction:
            job = transaction.jobs.get(job_id, owner_id=owner_id) if is_id(job_id) else None
            if job is None:
                raise JobNotFound
            known_seq = seq if seq <= job.event_seq else 0
            events = transaction.events.after(job_id, known_seq)
        last_seq = events[-1].seq if events else known_seq
        return events, job.status.is_terminal and last_seq >= job.event_seq

    def _job(self, job_id: str, owner_id: str) -> JobRecord:
        if not is_id(job_id):
            raise JobNotFound
        with self._database.read() as transaction:
            job = transaction.jobs.get(job_id, owner_id=owner_id)
        if job is None:
            raise JobNotFound
        return job


def status_answer(job: JobRecord) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "job_id": job.id,
        "image_id": job.image_id,
        "status": job.status,
        "filename": job.filename,
        "file_size": job.file_size,
        "created_at": job.created_at_ms // 1000,
        "updated_at": job.updated_at_ms // 1000,
        "attempts": job.attempts,
        "options": json.loads(job.options),
        "results": json.loads(job.results) if job.results and job.status is JobStatus.COMPLETED else None,
        "error": None,
    }
    if job.error_code:
        answer["error"] = {"code": job.error_code, "message": job.error_message}
    return answer
