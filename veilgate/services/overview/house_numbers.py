"""Numbers about the whole house, for Prometheus: what waits, what ended, who is at work, what works."""

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from veilgate.domain.families import FAMILIES, WorkFamily
from veilgate.domain.jobs import TERMINAL, JobKind, Lane
from veilgate.domain.totals import reopened_of, retries_of, total_of
from veilgate.persistence.house_counts import dead_jobs, running_jobs, webhook_backlog
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.overview.health import Health
from veilgate.services.overview.watched_part import NoAnswer, WatchedPart
from veilgate.telemetry import readings
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.readings import Value

_log = get_logger(__name__)

# However many ask. Looking also takes a fiftieth of the time at most: 100,000 jobs that wait are counted in
# 45 ms, which makes it every 2.3 s.
_EVERY_S = 2.0
_SHARE = 50
_AT_LEAST_EVERY_S = 15.0
# What has not answered by then is not waited for, so that the other numbers come.
_PATIENCE_S = 2.0
# Where counting takes longer, what was counted last is shown for so long.
_OLDEST_S = 60.0

Waiting = Mapping[JobKind, Mapping[Lane, tuple[int, int | None]]]


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the database said, as of `began_s` (of `time.monotonic`)."""

    values: tuple[Value, ...]
    began_s: float
    took_s: float


class HouseNumbers:
    """The same whichever gateway is asked. While the database fails its numbers are missing, and soon after
    it falls silent; until then they are old and say so. Which parts work is told all the same."""

    def __init__(self, database: Database, health: Health, *, lookup_daily_usd: float) -> None:
        self._database = database
        self._health = health
        self._lookup_daily_usd = lookup_daily_usd
        self._turn = threading.Lock()
        self._known: list[Value] = []
        self._look_again_at_s = 0.0
        self._read: _Rows | None = None
        self._rows = WatchedPart("house-numbers", self._read_rows)

    def values(self) -> list[Value]:
        """As they were 2 s ago at the earliest, or 15 s where looking takes long. Returns within 2 s."""
        with self._turn:
            if time.monotonic() >= self._look_again_at_s:
                self._known = self._look()
                pause_s = max(_EVERY_S, self._read.took_s * _SHARE if self._read else 0.0)
                self._look_again_at_s = time.monotonic() + min(pause_s, _AT_LEAST_EVERY_S)
            return self._known

    def close(self) -> None:
        self._rows.close()

    def _look(self) -> list[Value]:
        until_s = time.monotonic() + _PATIENCE_S
        asked = self._rows.begin()
        known = list(_health_values(self._health.report(patience_s=_PATIENCE_S)))
        error = self._rows.state(asked, until_s=until_s).error
        if error is not None:
            _log.warning("metrics.not_read", reason=type(error).__name__)
        if self._read is None or not (error is None or isinstance(error, NoAnswer)):
            return known
        age_s = time.monotonic() - self._read.began_s
        if age_s > _OLDEST_S:
            return known
        return [*known, *self._read.values, readings.HOUSE_AGE_SECONDS.at(age_s)]

    def _read_rows(self) -> None:
        began_s = time.monotonic()
        with self._database.read() as transaction:
            values = [
                *_queue_values(transaction),
                *_totals_values(transaction),
                *_outside_values(transaction),
            ]
        values.append(readings.LOOKUP_BUDGET_USD.at(self._lookup_daily_usd))
        self._read = _Rows(tuple(values), began_s, time.monotonic() - began_s)


def _queue_values(transaction: Transaction) -> Iterator[Value]:
    waiting, now_ms = transaction.jobs.waiting_by_lane(), transaction.now_ms()
    running, dead = running_jobs(transaction.connection), dead_jobs(transaction.connection)
    for family in FAMILIES:
        for lane in Lane:
            count = sum(waiting[kind][lane][0] for kind in family.kinds)
            yield readings.QUEUE_WAITING.at(count, family.name, lane)
        yield readings.QUEUE_PROCESSING.at(sum(running[kind] for kind in family.kinds), family.name)
        yield readings.QUEUE_OLDEST_SECONDS.at(_oldest_s(waiting, family, now_ms), family.name)
    yield from (readings.DEAD_JOBS.at(dead[kind], kind) for kind in JobKind)


def _oldest_s(waiting: Waiting, family: WorkFamily, now_ms: int) -> float:
    """0 when nobody waits that is due: back-off is no waiting."""
    due = [
        since_ms for kind in family.kinds for _, since_ms in waiting[kind].values() if since_ms is not None
    ]
    return max(now_ms - min(due, default=now_ms), 0) / 1000


def _totals_values(transaction: Transaction) -> Iterator[Value]:
    totals = transaction.totals.all()
    for kind in JobKind:
        for status in TERMINAL:
            names = (total_of(kind, status), reopened_of(kind, status))
            yield readings.JOBS_ENDED.at(sum(totals.get(name, 0) for name in names), kind, status)
        yield readings.JOB_RETRIES.at(totals.get(retries_of(kind), 0), kind)
    yield readings.FACES_VEILED.at(totals.get("faces_veiled", 0))


def _outside_values(transaction: Transaction) -> Iterator[Value]:
    """Of what leaves the house: webhooks and lookups."""
    backlog, now_ms = webhook_backlog(transaction.connection), transaction.now_ms()
    yield readings.WEBHOOK_BACKLOG.at(backlog.messages)
    due_for_ms = 0 if backlog.due_since_ms is None else max(now_ms - backlog.due_since_ms, 0)
    yield readings.WEBHOOK_OLDEST_SECONDS.at(due_for_ms / 1000)
    bills = transaction.spending.of_day(transaction.spending.today())
    yield readings.LOOKUP_SPENT_USD.at(sum(bill.cost_micros for bill in bills.values()) / 1_000_000)


def _health_values(report: Mapping[str, Any]) -> Iterator[Value]:
    parts = report["parts"]
    for name, part in parts.items():
        yield readings.PART_OK.at(part["status"] == "ok", name)
    if parts["redis"]["status"] == "ok":  # else nobody knows
        for family, present in report["workers"].items():
            yield readings.WORKERS_PRESENT.at(len(present), family)
