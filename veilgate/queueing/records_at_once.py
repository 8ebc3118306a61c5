"""Many new jobs on one of RQ's lists in a single round trip.

RQ enqueues job by job at 0.5 ms of processor time each, which a gateway that accepts hundreds of uploads a
second does not have. What is written is what RQ itself writes: a test compares the two.
"""

import zlib
from collections.abc import Sequence
from typing import Any

from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat

# As RQ's own script for one job: who has a record is refused, else record and list entry are one step.
_SCRIPT = """
    -- KEYS: the list, the set of all lists, then the record of each job
    -- ARGV: how many words the jobs share, these words (field, value, ...), then id and data of each job
    local shared = tonumber(ARGV[1])
    local fields = {unpack(ARGV, 2, shared + 1)}
    local known = {}
    redis.call("SADD", KEYS[2], KEYS[1])
    for number = 3, #KEYS do
        local at = shared + 2 * (number - 2)
        if redis.call("EXISTS", KEYS[number]) == 1 then
            table.insert(known, ARGV[at])
        else
            redis.call("HSET", KEYS[number], "description", ARGV[at], "data", ARGV[at + 1], unpack(fields))
            redis.call("RPUSH", KEYS[1], ARGV[at])
        end
    end
    return known
"""
# Written for each job by itself.
_OWN_FIELDS = frozenset({"description", "data", "created_at", "enqueued_at"})


class RecordWriter:
    """Puts jobs that run one task on one list."""

    def __init__(self, queue: Queue, task: str, settings: dict[str, Any]) -> None:
        self._queue = queue
        self._task = task
        # What RQ would write for any of them, made once.
        job = queue.create_job(task, args=("",), job_id="any", status=JobStatus.QUEUED, **settings)
        job.origin = queue.name
        self._fields = {
            name: value
            for name, value in job.to_dict().items()
            if name not in _OWN_FIELDS and value is not None
        }
        self._put = queue.connection.register_script(_SCRIPT)

    def put(self, job_ids: Sequence[str]) -> set[str]:
        """In this order; returns those that RQ knew already, which are left as they were."""
        moment = utcformat(now())
        fields = {**self._fields, "created_at": moment, "enqueued_at": moment}
        words: list[Any] = [2 * len(fields)]
        for field in fields.items():
            words += field
        for job_id in job_ids:
            words += (job_id, zlib.compress(JSONSerializer.dumps((self._task, None, (job_id,), {}))))
        keys = [self._queue.key, Queue.redis_queues_keys, *(Job.key_for(job_id) for job_id in job_ids)]
        return {entry.decode() for entry in self._put(keys=keys, args=words)}
