"""Brings back what dead workers held in Redis. Each step is one atomic script, so that several sweepers, and
RQ's own cleaners, never bring the same entry back twice."""

from redis import Redis
from rq import Queue

from veilgate.queueing.redis_clock import RedisClock


def first_seen_key(queue: Queue) -> str:
    """Since when each entry of the hand-over list has been seen there. Whoever claims an entry removes it."""
    return f"veilgate:handed-over:{queue.name}"


# RQ's lease on a started job has run out: back to the front of its list.
_RETURN_STARTED = """
local back = 0
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 100)) do
    if redis.call('ZREM', KEYS[1], entry) == 1 then
        redis.call('LPUSH', KEYS[2], string.match(entry, '^[^:]+'))
        back = back + 1
    end
end
return back
"""

# An entry seen being handed over for too long belongs to a worker that died between taking and claiming.
_RETURN_HANDED_OVER = """
local back = 0
local present = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
    present[id] = true
    local seen = redis.call('HGET', KEYS[3], id)
    if not seen then
        redis.call('HSET', KEYS[3], id, ARGV[1])
    elseif tonumber(seen) <= tonumber(ARGV[2]) then
        redis.call('LREM', KEYS[1], 1, id)
        redis.call('LPUSH', KEYS[2], id)
        redis.call('HDEL', KEYS[3], id)
        back = back + 1
    end
end
for _, id in ipairs(redis.call('HKEYS', KEYS[3])) do
    if not present[id] then redis.call('HDEL', KEYS[3], id) end
end
return back
"""


class Sweeper:
    def __init__(self, redis: Redis, queues: list[Queue], *, handover_s: float) -> None:
        self._queues = queues
        self._handover_s = handover_s
        self._clock = RedisClock(redis)
        self._return_started = redis.register_script(_RETURN_STARTED)
        self._return_handed_over = redis.register_script(_RETURN_HANDED_OVER)

    def sweep(self) -> int:
        """Bring back what is overdue, and forget ends that RQ has shown long enough; returns how many entries
        are back."""
        now_s = self._clock.now_s()
        back = 0
        for queue in self._queues:
            back += int(self._return_started(keys=[queue.started_job_registry.key, queue.key], args=[now_s]))
            back += int(
                self._return_handed_over(
                    keys=[queue.intermediate_queue_key, queue.key, first_seen_key(queue)],
                    args=[now_s, now_s - self._handover_s],
                )
            )
            # RQ itself does this when somebody counts them: nobody did, and Redis grew with every job.
            for registry in (queue.finished_job_registry, queue.failed_job_registry):
                queue.connection.zremrangebyscore(registry.key, 0, now_s)
        return back
