"""The worker process as RQ sees it: a SimpleWorker whose every job opens a session."""

import time
from contextlib import suppress
from secrets import token_hex
from types import FrameType

from redis import Redis
from redis.client import Pipeline
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker.base import WorkerStatus
from rq.worker_registration import clean_worker_registry

from veilgate.domain.errors import DeviceLost
from veilgate.domain.jobs import Lane
from veilgate.queueing.connection import REDIS_AWAY, away, require_writes
from veilgate.queueing.rq_books import RqBooks
from veilgate.queueing.session import Session
from veilgate.queueing.session_parts import SessionParts
from veilgate.queueing.sweeper import Sweeper
from veilgate.queueing.take_order import TakeOrder
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import JOBS_IN_HAND, from_zero

_log = get_logger(__name__)
_IDLE_WAIT_S = 0.25
_MAINTENANCE_EVERY_S = 5
_WORKER_TTL_S = 20
_LONGEST_RECONNECT_PAUSE_S = 5.0


class SessionWorker(SimpleWorker):  # type: ignore[misc]
    """Overrides the few places where stock RQ would lose, double or strand jobs (see docs/reliability.md)."""

    def __init__(
        self,
        connection: Redis,
        parts: SessionParts,
        *,
        name: str,
    ) -> None:
        super().__init__(
            list(parts.lanes.values()),
            # RQ refuses a name that is still registered, as that of a killed predecessor is for 80 s; a
            # container that starts again has its predecessor's host and process id.
            name=f"{name}.{token_hex(4)}",
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=_WORKER_TTL_S,
            maintenance_interval=_MAINTENANCE_EVERY_S,
            log_job_description=False,
        )
        from_zero(JOBS_IN_HAND, [parts.family])
        self._parts = parts
        self._lease_s = max(1, int(parts.limits.lease_s))
        self._order = TakeOrder()
        self._books = RqBooks(self, lease_s=self._lease_s)
        self._sweeper = Sweeper(connection, list(parts.lanes.values()), handover_s=self._lease_s / 2)

    @property
    def lost_device(self) -> DeviceLost | None:
        """Why it stopped unasked, if that is why."""
        return self._parts.engine.lost_device

    def execute_job(self, job: Job, queue: Queue) -> None:
        self.set_state(WorkerStatus.BUSY)
        session = Session(
            self._parts,
            self._books,
            self._order,
            stop_requested=lambda: self._stop_requested,
            maintain=self._maintain_if_due,
        )
        session.run(job, queue)
        if self.lost_device:
            self._stop_requested = True
        if session.redis_away:
            self._wait_for_redis()
        if not self._stop_requested:
            self.set_state(WorkerStatus.IDLE)

    def teardown(self) -> None:
        """Where Redis is away, RQ's entry of this worker runs out by itself."""
        try:
            super().teardown()
        except REDIS_AWAY as error:
            _log.warning("worker.redis_away", error=type(error).__name__, reason=away(error).message)

    def dequeue_job_and_maintain_ttl(
        self,
        timeout: int | None,
        max_idle_time: int | None = None,  # noqa: ARG002 - RQ's signature
    ) -> tuple[Job, Queue] | None:
        """Wait for a first job. It is always on one of Redis' lists (stock RQ, with two queues, drops it)."""
        while not self._stop_requested:
            try:
                self.heartbeat()
                self._maintain_if_due()
                self._parts.announce()
                found = self._take_first()
            except REDIS_AWAY as error:
                _log.warning("worker.redis_away", error=type(error).__name__, reason=away(error).message)
                self._wait_for_redis()
                continue
            if found is not None:
                return found
            if timeout is None:  # burst mode: the lists are empty, so the work is done
                return None
        return None

    def _set_connection(self, connection: Redis) -> Redis:
        """Our patience, not RQ's: with a wait of 15 s for a Redis that is silent, leases would run out."""
        return connection

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """What we only tell RQ's tools must not end the worker when Redis is away for a moment."""
        with suppress(*REDIS_AWAY):
            super().heartbeat(timeout, pipeline)

    def set_state(self, state: WorkerStatus, pipeline: Pipeline | None = None) -> None:
        with suppress(*REDIS_AWAY):
            super().set_state(state, pipeline)

    def check_for_suspension(self, burst: bool) -> None:
        with suppress(*REDIS_AWAY):
            super().check_for_suspension(burst)

    def _install_signal_handlers(self) -> None:
        """Whoever started this process has listened for longer than we run: `StopRequest`."""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler
        """Set a flag, nothing else: stock RQ raises here, which strands a job that was just taken."""
        self._stop_requested = True

    def get_heartbeat_ttl(self, job: Job) -> int:  # noqa: ARG002 - RQ's signature
        return self._lease_s

    def clean_registries(self) -> None:
        """Our own sweeper: RQ's reads before it writes, and two of them at once double jobs. Of RQ's, what
        takes killed workers off its list."""
        self._sweeper.sweep()
        for queue in self.queues:
            clean_worker_registry(queue)
        self.register_birth_if_forgotten()
        self.last_cleaned_at = now()

    def _maintain_if_due(self) -> None:
        if self.should_run_maintenance_tasks:
            self.run_maintenance_tasks()

    def _take_first(self) -> tuple[Job, Queue] | None:
        first_lane, second_lane = self._order.next_lanes()
        for lane, wait_s in ((first_lane, 0.0), (second_lane, 0.0), (Lane.INTERACTIVE, _IDLE_WAIT_S)):
            queue = self._parts.lanes[lane]
            if wait_s:
                moved = self.connection.blmove(queue.key, queue.intermediate_queue_key, wait_s)
            else:
                moved = self.connection.lmove(queue.key, queue.intermediate_queue_key)
            job = self._books.fetch(queue, moved) if moved else None
            if job is not None:
                self._order.took()
                return job, queue
        return None

    def _wait_for_redis(self) -> None:
        pause_s = 0.1
        while not self._stop_requested:
            time.sleep(pause_s)
            try:
                require_writes(self.connection)
                self.register_birth_if_forgotten()
            except REDIS_AWAY:
                pause_s = min(_LONGEST_RECONNECT_PAUSE_S, pause_s * 2)
            else:
                return

    def register_birth_if_forgotten(self) -> None:
        """A Redis that lost its data does not know us any more; RQ's tools should see us all the same."""
        if not self.connection.sismember(self.redis_workers_keys, self.key):
            self.connection.delete(self.key)  # what a heartbeat left: RQ would take it for another's
            self.register_birth()
