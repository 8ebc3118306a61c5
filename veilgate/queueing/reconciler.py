"""Puts right what crashes left behind. Every step may be repeated, or done by two at once, without harm."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from redis import Redis

from veilgate.domain.errors import VeilgateError
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.unit_of_work import Database
from veilgate.queueing.connection import REDIS_AWAY
from veilgate.queueing.enqueue import dispatch_group
from veilgate.queueing.sweeper import Sweeper
from veilgate.queueing.work_list import WorkList
from veilgate.services.images.housekeeping import Housekeeping
from veilgate.services.jobs.lease_expiry import LeaseExpiry
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import JOBS_PUT_RIGHT, RECONCILER_ROUNDS, from_zero

_log = get_logger(__name__)
_EPOCH_KEY = "veilgate:epoch"
_LEADER = "reconciler"
_PAGE = 500
# What is done about jobs that a crash or an outage left behind, as Prometheus is told.
_PUT_RIGHT = ("lease_expired", "lists_lost", "dispatched", "stranded", "taken_back", "forgotten")
# How long a request to end may go unheard between two rounds.
_LONGEST_SLEEP_S = 0.1


@dataclass(frozen=True, slots=True)
class ReconcilerTiming:
    """How long to leave things alone before stepping in, in seconds."""

    interval_s: float
    undispatched_after_s: float = 1.0
    waiting_after_s: float = 30.0
    housekeeping_every_s: float = 3600.0


class Reconciler:
    def __init__(
        self,
        database: Database,
        redis: Redis,
        work_list: WorkList,
        sweeper: Sweeper,
        *,
        expiry: LeaseExpiry,
        housekeeping: Housekeeping,
        timing: ReconcilerTiming,
    ) -> None:
        self._database = database
        self._redis = redis
        self._work_list = work_list
        self._sweeper = sweeper
        self._expiry = expiry
        self._housekeeping = housekeeping
        self._timing = timing
        self._holder = uuid4().hex
        self._next_look_s = 0.0
        self._next_housekeeping_s = 0.0

    def run(self, stop_requested: Callable[[], bool], announce: Callable[[], None]) -> None:
        """Look again and again until a stop is requested."""
        from_zero(JOBS_PUT_RIGHT, _PUT_RIGHT)
        while not stop_requested():
            announce()
            try:
                if self._leads():
                    self.round()
            except VeilgateError as error:
                _log.warning("reconciler.interrupted", error=error.code)
            self._pause(stop_requested)
        self._step_down()

    def round(self) -> None:
        """One look at everything that may need putting right."""
        self._expiry.expire()
        failpoint("reconcile_expired")
        try:
            self._notice_lost_lists()
            JOBS_PUT_RIGHT.labels("taken_back").inc(self._sweeper.sweep())
            failpoint("reconcile_swept")
            self._dispatch_due()
            self._look_for_stranded()
        except REDIS_AWAY as error:
            _log.warning("reconciler.redis_away", error=type(error).__name__)
        self._housekeeping.run_often()
        if time.monotonic() >= self._next_housekeeping_s:
            self._housekeeping.run()
            self._next_housekeeping_s = time.monotonic() + self._timing.housekeeping_every_s
        RECONCILER_ROUNDS.inc()

    def _pause(self, stop_requested: Callable[[], bool]) -> None:
        """Asks between short sleeps: an event that a signal handler sets while this thread is inside its
        `wait` may wait for ever for the event's own lock."""
        until_s = time.monotonic() + self._timing.interval_s
        while not stop_requested() and (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, _LONGEST_SLEEP_S))

    def _leads(self) -> bool:
        # Short, because two that lead at once do no harm, and nobody dispatches while a dead one leads.
        lease_ms = int((self._timing.interval_s * 3 + 1) * 1000)
        with self._database.write() as transaction:
            return transaction.leases.acquire(_LEADER, holder=self._holder, lease_ms=lease_ms)

    def _step_down(self) -> None:
        try:
            with self._database.write() as transaction:
                transaction.leases.release(_LEADER, holder=self._holder)
        except VeilgateError as error:
            _log.warning("reconciler.lease_left", error=error.code)

    def _notice_lost_lists(self) -> None:
        """A Redis without our epoch key has lost its lists: everything that waits is to be enqueued again."""
        if self._redis.set(_EPOCH_KEY, uuid4().hex, nx=True):
            with self._database.write() as transaction:
                forgotten = transaction.jobs.forget_dispatches()
            JOBS_PUT_RIGHT.labels("lists_lost").inc(forgotten)
            if forgotten:
                _log.warning("reconciler.lists_were_lost", jobs=forgotten)

    def _dispatch_due(self) -> None:
        after_ms = int(self._timing.undispatched_after_s * 1000)
        while True:
            with self._database.read() as transaction:
                due = transaction.jobs.due_for_dispatch(undispatched_for_ms=after_ms, limit=_PAGE)
            if not due:
                return
            done = dispatch_group(self._database, self._work_list, due)
            JOBS_PUT_RIGHT.labels("dispatched").inc(done)
            failpoint("reconcile_dispatched")
            _log.info("reconciler.dispatched", jobs=done)
            if done < len(due):
                return

    def _look_for_stranded(self) -> None:
        """Jobs that were dispatched long ago, have not begun and are on no list: enqueue them again."""
        if time.monotonic() < self._next_look_s:
            return
        self._next_look_s = time.monotonic() + self._timing.waiting_after_s / 2
        with self._database.read() as transaction:
            until_ms = transaction.now_ms() - int(self._timing.waiting_after_s * 1000)
        last, listed = None, None
        while True:
            with self._database.read() as transaction:
                page = transaction.jobs.dispatched_but_waiting(until_ms=until_ms, after=last, limit=_PAGE)
            if not page:
                break
            listed = self._work_list.all_listed() if listed is None else listed
            stranded = [job for job in page if job.id not in listed]
            if stranded:
                found = dispatch_group(self._database, self._work_list, stranded)
                JOBS_PUT_RIGHT.labels("stranded").inc(found)
                _log.warning("reconciler.stranded", jobs=found)
            last = page[-1]
        self._forget_ended(listed or self._work_list.all_listed())

    def _forget_ended(self, listed: set[str]) -> None:
        """Entries of jobs that have ended, or that the database does not know, are removed."""
        ids = sorted(listed)
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            with self._database.read() as transaction:
                statuses = transaction.jobs.statuses(page)
            ended = [job_id for job_id in page if statuses.get(job_id, JobStatus.FAILED).is_terminal]
            if ended:
                self._work_list.forget(ended)
                JOBS_PUT_RIGHT.labels("forgotten").inc(len(ended))
                failpoint("reconcile_tidied")
                _log.info("reconciler.forgot_ended", jobs=len(ended))
