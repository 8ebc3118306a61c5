"""Keeps RQ's own records true for jobs taken in a session: claims, heartbeats and ends of many jobs at once.

Every id is at every moment on a list or in a registry; nothing is ever held only in this process.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from redis import Redis
from redis.client import Pipeline
from rq import Queue, SimpleWorker
from rq.exceptions import NoSuchJobError
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import as_text

from veilgate.queueing.redis_clock import RedisClock
from veilgate.queueing.sweeper import first_seen_key
from veilgate.telemetry.failpoints import failpoint

_DROPPED_RECORD_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class TakenJob:
    """A job that RQ counts as started by us."""

    job: Job
    queue: Queue
    execution: Execution

    @property
    def id(self) -> str:
        return str(self.job.id)


class RqBooks:
    """RQ's side of a session. Used by the worker's main thread only; may raise what `REDIS_AWAY` names."""

    def __init__(self, worker: SimpleWorker, *, lease_s: int) -> None:
        self._worker = worker
        self._redis: Redis = worker.connection
        self._lease_s = lease_s
        self._clock = RedisClock(self._redis)

    def take(self, queue: Queue) -> Job | None:
        """Move the next job of a list to RQ's hand-over list. An id without a record is dropped."""
        moved = self._redis.lmove(queue.key, queue.intermediate_queue_key)
        return self.fetch(queue, moved) if moved else None

    def fetch(self, queue: Queue, moved: bytes | str) -> Job | None:
        job_id = as_text(moved)
        failpoint("after_take", job_id)
        try:
            return Job.fetch(job_id, connection=self._redis, serializer=JSONSerializer)
        except NoSuchJobError:
            self._redis.lrem(queue.intermediate_queue_key, 1, job_id)
            return None

    def claim(self, jobs: Iterable[tuple[Job, Queue]]) -> list[TakenJob]:
        """Count jobs as started, all in one step, and each once: other entries are taken off the list."""
        taken: list[TakenJob] = []
        now_s = self._clock.now_s()
        with self._redis.pipeline(transaction=True) as pipeline:
            for job, queue in jobs:
                pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
                if any(one.id == job.id for one in taken):
                    continue
                execution = Execution.create(job, self._lease_s, pipeline, worker_name=self._worker.name)
                job.prepare_for_execution(self._worker.name, pipeline=pipeline)
                pipeline.persist(job.key)
                pipeline.hdel(first_seen_key(queue), job.id)
                taken.append(TakenJob(job, queue, execution))
                self._lease(taken[-1], now_s, pipeline)
            if taken:
                self._worker.set_current_job_id(taken[0].id, pipeline=pipeline)
                pipeline.execute()
        return taken

    def beat(self, taken: Iterable[TakenJob]) -> None:
        now_s = self._clock.now_s()
        with self._redis.pipeline(transaction=True) as pipeline:
            self._worker.heartbeat(self._lease_s + 60, pipeline=pipeline)
            for one in taken:
                one.execution.heartbeat(one.queue.started_job_registry, self._lease_s, pipeline=pipeline)
                self._lease(one, now_s, pipeline)
            pipeline.execute()

    def succeed(self, taken: TakenJob) -> None:
        self._prepare_end(taken)
        taken.job._result = None
        self._worker.handle_job_success(taken.job, taken.queue, taken.queue.started_job_registry)

    def fail(self, taken: TakenJob, reason: str) -> None:
        """Record a failure. RQ must not try again by itself: when a job is due again is in its row."""
        self._prepare_end(taken)
        taken.job.retries_left = 0
        self._worker.handle_job_failure(taken.job, taken.queue, exc_string=reason)

    def drop(self, taken: TakenJob) -> None:
        """Let go of an entry that is not ours to run.

        Its record may serve another worker that has the job; if nobody has, it goes by itself.
        """
        with self._redis.pipeline(transaction=True) as pipeline:
            taken.execution.delete(job=taken.job, pipeline=pipeline)
            pipeline.expire(taken.job.key, _DROPPED_RECORD_S)
            pipeline.execute()

    def give_back(self, taken: TakenJob) -> None:
        """Return a job that was taken but not begun to the front of its list."""
        with self._redis.pipeline(transaction=True) as pipeline:
            taken.execution.delete(job=taken.job, pipeline=pipeline)
            pipeline.lpush(taken.queue.key, taken.id)
            pipeline.execute()

    def _lease(self, taken: TakenJob, now_s: float, pipeline: Pipeline) -> None:
        """RQ has just reckoned by this host's wall clock; those who look for what is overdue go by Redis'."""
        entry = {taken.execution.composite_key: now_s + self._lease_s}
        pipeline.zadd(taken.queue.started_job_registry.key, entry, xx=True)

    def _prepare_end(self, taken: TakenJob) -> None:
        self._worker.execution = taken.execution
        self._worker.handle_execution_ended(taken.job, taken.queue, self._lease_s)
