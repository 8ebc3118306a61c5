"""Numbers for people: what has been done, and what waits."""

from typing import Any

from veilgate.domain.jobs import JobStatus
from veilgate.persistence.unit_of_work import Database

_TOTALS = ("completed", "failed", "cancelled", "retries", "faces_veiled", "vehicles_found", "processing_ms")


class Statistics:
    def __init__(self, database: Database) -> None:
        self._database = database

    def stats(self) -> dict[str, Any]:
        """The answer of `GET /stats`; its cost does not grow with the number of ended jobs."""
        with self._database.read() as transaction:
            totals = dict.fromkeys(_TOTALS, 0) | transaction.totals.all()
            open_jobs = transaction.jobs.count_open()
        ended = totals["completed"] + totals["failed"]
        return {
            "jobs": {
                **{str(status): open_jobs[status] for status in (JobStatus.SUBMITTED, JobStatus.PROCESSING)},
                **{name: totals[name] for name in ("completed", "failed", "cancelled", "retries")},
            },
            "success_rate": round(totals["completed"] / ended, 4) if ended else None,
            "faces_veiled": totals["faces_veiled"],
            "vehicles_found": totals["vehicles_found"],
            "mean_processing_time": (
                round(totals["processing_ms"] / totals["completed"] / 1000, 3)
                if totals["completed"]
                else None
            ),
        }

    def queues(self) -> dict[str, Any]:
        """Who waits, by lane, and how long the one that has been due longest (seconds), which is what
        MAX_QUEUE_AGE_S bounds: back-off is no waiting."""
        with self._database.read() as transaction:
            lanes = transaction.jobs.waiting_by_lane()
            processing = transaction.jobs.count_open()[JobStatus.PROCESSING]
            now_ms = transaction.now_ms()
        return {
            "waiting": {
                lane: {
                    "jobs": count,
                    "oldest_age": None if since_ms is None else max(now_ms - since_ms, 0) / 1000,
                }
                for lane, (count, since_ms) in lanes.items()
            },
            "processing": processing,
        }
