"""Dispatch: telling the workers of what has been committed. Best effort; the reconciler does the rest."""

import queue
import threading
from typing import Protocol

from veilgate.domain.errors import VeilgateError
from veilgate.domain.jobs import JobKind, Lane
from veilgate.persistence.records import DueJob
from veilgate.persistence.unit_of_work import Database
from veilgate.queueing.connection import REDIS_AWAY
from veilgate.queueing.work_list import WorkList
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_LARGEST_GROUP = 256


class Dispatch(Protocol):
    """What the API needs of this module."""

    def __call__(self, job_id: str, kind: JobKind, lane: Lane) -> None: ...


class Dispatcher:
    """A thread that enqueues committed jobs and writes down, group by group, that it did.

    Callers never wait for Redis. What is lost here (Redis away, process killed) has `dispatched_at` NULL in
    its row, and the reconciler enqueues it.
    """

    def __init__(self, database: Database, work_list: WorkList) -> None:
        self._database = database
        self._work_list = work_list
        self._committed: queue.SimpleQueue[DueJob | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="dispatcher", daemon=True)
        self._thread.start()

    def __call__(self, job_id: str, kind: JobKind, lane: Lane) -> None:
        self._committed.put(DueJob(job_id, kind, lane))

    def close(self) -> None:
        self._committed.put(None)
        self._thread.join()

    def _loop(self) -> None:
        while (job := self._committed.get()) is not None:
            group, stop = [job], False
            while len(group) < _LARGEST_GROUP and not self._committed.empty():
                following = self._committed.get()
                if following is None:
                    stop = True
                    break
                group.append(following)
            dispatch_group(self._database, self._work_list, group)
            if stop:
                return


def dispatch_group(database: Database, work_list: WorkList, group: list[DueJob]) -> int:
    """Enqueue jobs, then mark those that were; returns how many."""
    done: list[str] = []
    try:
        for job in group:
            if work_list.put(job.id, job.kind, job.lane):
                done.append(job.id)
    except REDIS_AWAY as error:
        _log.warning("dispatch.redis_away", left=len(group) - len(done), error=type(error).__name__)
    if done:
        try:
            with database.write() as transaction:
                transaction.jobs.mark_dispatched(done)
        except VeilgateError as error:
            # They run all the same; at worst the reconciler enqueues them again, which is harmless.
            _log.warning("dispatch.not_marked", jobs=len(done), error=error.code)
    return len(done)
