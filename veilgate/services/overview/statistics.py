"""Numbers for people: what has been done, and what waits."""

from collections.abc import Mapping
from typing import Any

from veilgate.domain.cost import EXAMPLE_PRICES, GB, MICROS, SECONDS_AN_HOUR, Prices
from veilgate.domain.jobs import JobKind, JobStatus, Lane
from veilgate.domain.totals import (
    DEVICE_MS,
    LOOKUP_CACHED,
    LOOKUP_CALLS,
    LOOKUP_COST_MICROS,
    ORIGINAL_BYTES,
    ORIGINALS,
    ORIGINALS_COUNTED_AT_MS,
    total_of,
)
from veilgate.persistence.house_counts import running_jobs
from veilgate.persistence.unit_of_work import Database

_SUMS = ("retries", "lookups_retries", "faces_veiled", "vehicles_found", "processing_ms")
_ENDS = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
_COST = (DEVICE_MS, LOOKUP_CALLS, LOOKUP_CACHED, LOOKUP_COST_MICROS)
_TOTALS = (*_SUMS, *_COST, *(total_of(kind, status) for kind in JobKind for status in _ENDS))


class Statistics:
    """`prices`: what /stats reckons with; examples are nobody's bill, and so are left out."""

    def __init__(self, database: Database, prices: Prices = EXAMPLE_PRICES) -> None:
        self._database = database
        self._prices = Prices("none") if prices.are_examples else prices

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
            "cost": self._cost(totals),
        }

    def _cost(self, totals: Mapping[str, int]) -> dict[str, Any]:
        """What it all came to so far; USD are null where no price is known, originals until first counted."""
        device_s, prices = totals[DEVICE_MS] / 1000, self._prices
        kept_bytes, counted_at_ms = totals.get(ORIGINAL_BYTES), totals.get(ORIGINALS_COUNTED_AT_MS)
        return {
            "device_seconds": device_s,
            "lookup_calls": totals[LOOKUP_CALLS],
            "lookup_answers_known": totals[LOOKUP_CACHED],
            "originals": totals.get(ORIGINALS),
            "original_bytes": kept_bytes,
            "counted_at": None if counted_at_ms is None else counted_at_ms // 1000,
            "usd": {
                "device": _usd(device_s, prices.usd_a_device_hour, each=SECONDS_AN_HOUR),
                "lookups": totals[LOOKUP_COST_MICROS] / MICROS,
                "originals_a_month": _usd(kept_bytes, prices.usd_a_gb_month, each=GB),
            },
        }

    def queues(self) -> dict[str, Any]:
        """Who waits, by lane, and how long the one that has been due longest (seconds), which is what
        MAX_QUEUE_AGE_S bounds of pictures: back-off is no waiting. Lookups wait in lanes of their own."""
        with self._database.read() as transaction:
            lanes = transaction.jobs.waiting_by_lane()
            running = running_jobs(transaction.connection)
            now_ms = transaction.now_ms()
        queues = {
            kind: {
                "waiting": _described(lanes[kind], now_ms),
                "processing": running[kind],
            }
            for kind in JobKind
        }
        return {**queues[JobKind.VEIL], "lookups": queues[JobKind.LOOKUP]}


def _usd(amount: float | None, price: float | None, *, each: float) -> float | None:
    """Where so much costs the price; None where either is not known."""
    return None if amount is None or price is None else round(amount / each * price, 6)


def _described(lanes: Mapping[Lane, tuple[int, int | None]], now_ms: int) -> dict[str, Any]:
    return {
        lane: {
            "jobs": count,
            "oldest_age": None if since_ms is None else max(now_ms - since_ms, 0) / 1000,
        }
        for lane, (count, since_ms) in lanes.items()
    }
