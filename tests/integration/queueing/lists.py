"""A real Redis with our work lists, and a short way to look at them."""

from collections.abc import Iterator

import pytest
from redis import Redis
from rq import Queue
from rq.utils import as_text

from tests.fixtures.private_redis import RunningRedis
from veilgate.domain.families import IMAGES
from veilgate.domain.jobs import JobKind, Lane
from veilgate.queueing.connection import open_redis
from veilgate.queueing.work_list import WorkList

JOB_TIMEOUT_S = 60.0


class Lists:
    def __init__(self, url: str) -> None:
        self.redis: Redis = open_redis(url, timeout_s=5.0)
        self.work_list = WorkList(self.redis, job_timeout_s=JOB_TIMEOUT_S)
        self.lanes: dict[Lane, Queue] = self.work_list.lanes_of(IMAGES)

    def put(self, *job_ids: str, lane: Lane = Lane.INTERACTIVE) -> None:
        for job_id in job_ids:
            self.work_list.put(job_id, JobKind.VEIL, lane)

    def waiting(self, lane: Lane = Lane.INTERACTIVE) -> list[str]:
        return [as_text(entry) for entry in self.redis.lrange(self.lanes[lane].key, 0, -1)]

    def handed_over(self, lane: Lane = Lane.INTERACTIVE) -> list[str]:
        entries = self.redis.lrange(self.lanes[lane].intermediate_queue_key, 0, -1)
        return [as_text(entry) for entry in entries]

    def started(self, lane: Lane = Lane.INTERACTIVE) -> list[str]:
        """Job ids; read without RQ's registry, whose reading has effects."""
        entries = self.redis.zrange(f"rq:wip:{self.lanes[lane].name}", 0, -1)
        return [as_text(entry).partition(":")[0] for entry in entries]

    def hand_over(self, lane: Lane = Lane.INTERACTIVE) -> str:
        """What a worker does first: the next id is on the hand-over list afterwards."""
        queue = self.lanes[lane]
        moved = self.redis.lmove(queue.key, queue.intermediate_queue_key)
        assert moved is not None
        return str(as_text(moved))

    def start(self, job_id: str, *, until_s: float, lane: Lane = Lane.INTERACTIVE) -> None:
        """As if a worker had `job_id` in hand, with RQ's lease until `until_s` (epoch)."""
        self.redis.lrem(self.lanes[lane].key, 0, job_id)
        self.redis.zadd(f"rq:wip:{self.lanes[lane].name}", {f"{job_id}:execution": until_s})

    def nothing_left(self) -> bool:
        return not any(self.waiting(lane) + self.handed_over(lane) + self.started(lane) for lane in Lane)


@pytest.fixture
def lists(redis_server: RunningRedis) -> Iterator[Lists]:
    lists = Lists(redis_server.url)
    yield lists
    lists.redis.close()
