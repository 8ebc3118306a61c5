"""Numbers for people: what has been done, and what waits."""

from collections.abc import Mapping
from typing import Any

from veilgate.domain.jobs import JobKind, JobStatus, Lane
from veilgate.domain.totals import total_of
from veilgate.persistence.unit_of_work import Database

_SUMS = ("retries", "lookups_retries", "faces_veiled", "vehicles_found", "processing_ms")
_ENDS = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
_TOTALS = (*_SUMS, *(total_of(kind, status) for kind in JobKind for status in _ENDS))


class Statistics:
    def __init__(self, database: Database) -> None:
        self._database = database

    def stats(self) -> dict[str, Any]:
        """The answer of `GET /stats`; its cost does not grow with the number of ended jobs. `jobs` are those
        that veil pictures, lookups stand beside them."""
        with self._database.read() as transaction:
            totals = dict.fromkeys(_TOTALS, 0) | transaction.totals.all()
            open_jobs = transaction.jobs.count_open()
        ended = totals["completed"] + totals["failed"]
        counts = {
            kind: {
                **{str(status): number for status, number in open_jobs[kind].items()},
                **{str(status): totals[total_of(kind, status)] for status in _ENDS},
            }
            for kind in JobKind
        }
        return {
            "jobs": {**counts[JobKind.VEIL], "retries": totals["retries"]},
            "lookups": {**counts[JobKind.LOOKUP], "retries": totals["lookups_retries"]},
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
        MAX_QUEUE_AGE_S bounds of pictures: back-off is no waiting. Lookups wait in lanes of their own."""
        with self._database.read() as transaction:
            lanes = transaction.jobs.waiting_by_lane()
            running = transaction.jobs.count_open()
            now_ms = transaction.now_ms()
        queues = {
            kind: {
                "waiting": _described(lanes[kind], now_ms),
                "processing": running[kind][JobStatus.PROCESSING],
            }
            for kind in JobKind
        }
        return {**queues[JobKind.VEIL], "lookups": queues[JobKind.LOOKUP]}


def _described(lanes: Mapping[Lane, tuple[int, int | None]], now_ms: int) -> dict[str, Any]:
    return {
        lane: {
            "jobs": count,
            "oldest_age": None if since_ms is None else max(now_ms - since_ms, 0) / 1000,
        }
        for lane, (count, since_ms) in lanes.items()
    }
