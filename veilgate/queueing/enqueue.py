"""Dispatch: telling the workers of what has been committed. Best effort; the reconciler does the rest."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Protocol

from veilgate.domain.errors import QueueUnavailable, VeilgateError
from veilgate.domain.jobs import JobKind, Lane
from veilgate.persistence.records import DueJob
from veilgate.persistence.unit_of_work import Database
from veilgate.queueing.connection import REDIS_AWAY
from veilgate.queueing.work_list import WorkList
from veilgate.services.jobs.job_log import log_dispatched
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import current_correlation_id, get_logger

_log = get_logger(__name__)
_LARGEST_GROUP = 256
# Writing down that jobs are listed costs a commit, which uploads need more: it waits for a pause this long.
_MARK_AFTER_S = 0.05
# But no longer than that: the reconciler lists again what has not been marked for a second.
_MARK_WITHIN_S = 0.5
# Between two round trips, so that in a rush one carries many.
_PAUSE_S = 0.01


class Dispatch(Protocol):
    """What the API needs of this module."""

    def __call__(self, job_id: str, kind: JobKind, lane: Lane) -> None: ...


class Dispatcher:
    """A thread that enqueues committed jobs and writes down, group by group, that it did.

    Callers never wait for Redis. What is lost here (Redis away, process killed) has `dispatched_at` NULL in
    its row, and the reconciler enqueues it. `note` is told when Redis may be away.
    """

    def __init__(
        self,
        database: Database,
        work_list: WorkList,
        *,
        note: Callable[[VeilgateError], None] = lambda _error: None,
    ) -> None:
        self._database = database
        self._work_list = work_list
        self._note = note
        self._committed: queue.SimpleQueue[DueJob | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="dispatcher", daemon=True)
        self._thread.start()

    def __call__(self, job_id: str, kind: JobKind, lane: Lane) -> None:
        self._committed.put(DueJob(job_id, kind, lane, correlation_id=current_correlation_id()))

    def close(self) -> None:
        self._committed.put(None)
        self._thread.join()

    def _loop(self) -> None:
        listed: list[str] = []
        first_listed_s = 0.0
        is_open = True
        while is_open:
            group, is_open = self._gather(_MARK_AFTER_S if listed else None)
            now_listed = put_on_lists(self._work_list, group)
            if len(now_listed) < len(group):
                self._note(QueueUnavailable())
            if not listed:
                first_listed_s = time.monotonic()
            listed += now_listed
            time.sleep(_PAUSE_S)
            is_pause = not group or not is_open
            is_late = time.monotonic() - first_listed_s >= _MARK_WITHIN_S
            if is_pause or is_late or len(listed) >= _LARGEST_GROUP:
                mark_dispatched(self._database, listed)
                listed = []

    def _gather(self, patience_s: float | None) -> tuple[list[DueJob], bool]:
        """What has gathered, at least one unless patience or the thread ends; and whether it goes on."""
        group: list[DueJob] = []
        try:
            following = self._committed.get(timeout=patience_s)
            while following is not None:
                group.append(following)
                if len(group) >= _LARGEST_GROUP:
                    return group, True
                following = self._committed.get_nowait()
        except queue.Empty:
            return group, True
        return group, False


def dispatch_group(database: Database, work_list: WorkList, group: Sequence[DueJob]) -> int:
    """Enqueue jobs, then mark those that were; returns how many."""
    listed = put_on_lists(work_list, group)
    mark_dispatched(database, listed)
    return len(listed)


def put_on_lists(work_list: WorkList, group: Sequence[DueJob]) -> list[str]:
    """The ids of those that are listed now; none of the others when Redis goes away."""
    listed: list[str] = []
    same_list = attrgetter("kind", "lane")
    try:
        for (kind, lane), jobs in groupby(sorted(group, key=same_list), key=same_list):
            group_of_list = list(jobs)
            listed += work_list.put_all([job.id for job in group_of_list], kind, lane)
            failpoint("listed")
            log_dispatched(group_of_list)
    except REDIS_AWAY as error:
        _log.warning("dispatch.redis_away", left=len(group) - len(listed), error=type(error).__name__)
    return listed


def mark_dispatched(database: Database, job_ids: Sequence[str]) -> None:
    if not job_ids:
        return
    try:
        with database.write() as transaction:
            transaction.jobs.mark_dispatched(job_ids)
    except VeilgateError as error:
        # They run all the same; at worst the reconciler enqueues them again, which is harmless.
        _log.warning("dispatch.not_marked", jobs=len(job_ids), error=error.code)
