"""Putting jobs on RQ's lists, once each, and looking at what is on them."""

from collections.abc import Collection, Sequence
from typing import Any

from redis import Redis
from rq import Queue, Retry
from rq.exceptions import DuplicateJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import as_text, parse_composite_key

from veilgate.domain.families import FAMILIES, WorkFamily, family_of
from veilgate.domain.jobs import JobKind, Lane
from veilgate.queueing.records_at_once import RecordWriter

TASK = "veilgate.queueing.tasks.run_job"

# RQ's own records only serve `rq info`; the database remembers jobs for good.
_KEEP_SUCCESS_S = 300
_KEEP_FAILURE_S = 24 * 3600
# An abandoned job goes back to its list even if stock RQ code finds it first.
_RQ_RETRIES = 1000


class WorkList:
    """All lists of all families. Every method may raise what `REDIS_AWAY` names."""

    def __init__(self, redis: Redis, *, job_timeout_s: float) -> None:
        self._redis = redis
        self._settings: dict[str, Any] = {
            "retry": Retry(max=_RQ_RETRIES),
            "timeout": int(job_timeout_s),
            "result_ttl": _KEEP_SUCCESS_S,
            "failure_ttl": _KEEP_FAILURE_S,
        }
        self._queues = {
            name: Queue(name, connection=redis, serializer=JSONSerializer)
            for family in FAMILIES
            for name in family.queues.values()
        }
        self._writers = {
            name: RecordWriter(queue, TASK, self._settings) for name, queue in self._queues.items()
        }

    def put(self, job_id: str, kind: JobKind, lane: Lane) -> bool:
        """Make sure that the job is on a list; False when it cannot be yet.

        That is so while RQ counts it as started: by a worker that has not noticed its cancellation, or one
        that died. Whoever asks again a moment later will find it free.
        """
        queue = self.queue_of(family_of(kind), lane)
        try:
            self._enqueue(queue, job_id)
        except DuplicateJobError:
            # RQ knows the id, which says nothing about whether anybody will run it: a reply may have been
            # lost after the job was queued, or a late heartbeat may have revived a dead record.
            waiting, started = self._entries(queue)
            if job_id in waiting:
                return True
            if job_id in started:
                return False
            self._redis.delete(Job.key_for(job_id))
            self._redis.zrem(queue.failed_job_registry.key, job_id)
            # Who found the same a moment earlier has listed it by now, and is not overwritten.
            self._writers[queue.name].put([job_id])
        return True

    def put_all(self, job_ids: Sequence[str], kind: JobKind, lane: Lane) -> list[str]:
        """As `put` for each, in one round trip where RQ knows none of them; returns those that are listed."""
        queue = self.queue_of(family_of(kind), lane)
        known = self._writers[queue.name].put(job_ids)
        return [job_id for job_id in job_ids if job_id not in known or self.put(job_id, kind, lane)]

    def _entries(self, queue: Queue) -> tuple[set[str], set[str]]:
        """Ids that wait on a list or are being handed over, and ids in a worker's hands."""
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.lrange(queue.key, 0, -1)
            pipeline.lrange(queue.intermediate_queue_key, 0, -1)
            pipeline.zrange(queue.started_job_registry.key, 0, -1)
            waiting, handed_over, started = pipeline.execute()
        return {as_text(entry) for entry in (*waiting, *handed_over)}, {_job_of(entry) for entry in started}

    def all_listed(self) -> set[str]:
        """Ids that wait or are in a worker's hands, on whichever list."""
        return set().union(*(ids for queue in self._queues.values() for ids in self._entries(queue)))

    def forget(self, job_ids: Collection[str]) -> None:
        """Remove ended jobs from the lists, wherever they are; their records go by themselves."""
        for queue in self._queues.values():
            started_key = queue.started_job_registry.key
            started: list[bytes] = self._redis.zrange(started_key, 0, -1)  # type: ignore[assignment]
            with self._redis.pipeline(transaction=True) as pipeline:
                for job_id in job_ids:
                    pipeline.expire(Job.key_for(job_id), _KEEP_FAILURE_S)
                    pipeline.lrem(queue.key, 0, job_id)
                    pipeline.lrem(queue.intermediate_queue_key, 0, job_id)
                for entry in started:
                    if _job_of(entry) in job_ids:
                        pipeline.zrem(started_key, entry)
                pipeline.execute()

    def lanes_of(self, family: WorkFamily) -> dict[Lane, Queue]:
        return {lane: self.queue_of(family, lane) for lane in Lane}

    def queue_of(self, family: WorkFamily, lane: Lane) -> Queue:
        return self._queues[family.queues[lane]]

    def _enqueue(self, queue: Queue, job_id: str) -> None:
        queue.enqueue_call(
            TASK, args=(job_id,), job_id=job_id, unique=True, description=job_id, **self._settings
        )


def _job_of(started_entry: bytes) -> str:
    job_id: str = parse_composite_key(as_text(started_entry))[0]
    return job_id
