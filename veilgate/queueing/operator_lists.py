"""The lists as an operator's commands see them: all of them, with errors of ours."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import Any

from redis import Redis
from rq import Queue
from rq.utils import as_text, parse_composite_key

from veilgate.domain.families import FAMILIES
from veilgate.persistence.records import DueJob
from veilgate.queueing.connection import REDIS_AWAY, away
from veilgate.queueing.redis_clock import RedisClock
from veilgate.queueing.sweeper import Sweeper
from veilgate.queueing.wakeups import WakeupSender
from veilgate.queueing.work_list import WorkList
from veilgate.services.jobs.job_lists import Place, Standing, StartedEntry

_SCAN_COUNT = 500


class OperatorLists:
    """`services.job_lists.JobLists` on the house's Redis."""

    def __init__(self, redis: Redis, work_list: WorkList, *, handover_s: float) -> None:
        self._redis = redis
        self._work_list = work_list
        self._queues = [queue for family in FAMILIES for queue in work_list.lanes_of(family).values()]
        self._wake = WakeupSender(redis)
        self._clock = RedisClock(redis)
        self._sweeper = Sweeper(redis, self._queues, handover_s=handover_s)

    def put(self, jobs: Sequence[DueJob]) -> list[str]:
        same_list = attrgetter("kind", "lane")
        listed: list[str] = []
        with _translated_errors():
            for (kind, lane), group in groupby(sorted(jobs, key=same_list), key=same_list):
                listed += self._work_list.put_all([job.id for job in group], kind, lane)
        return listed

    def listed(self) -> set[str]:
        with _translated_errors():
            return self._work_list.all_listed()

    def place_of(self, job_id: str) -> Place:
        with _translated_errors():
            places = (self._place_on(queue, job_id) for queue in self._queues)
            return next((place for place in places if place), Place(Standing.NOT_LISTED))

    def forget(self, job_ids: Collection[str]) -> None:
        with _translated_errors():
            self._work_list.forget(job_ids)

    def wake(self, job_ids: Sequence[str]) -> None:
        self._wake(job_ids)

    def started(self) -> Iterator[StartedEntry]:
        with _translated_errors():
            for queue in self._queues:
                key = queue.started_job_registry.key
                for entry, until_s in self._redis.zscan_iter(key, count=_SCAN_COUNT):
                    name = str(as_text(entry))
                    job_id = parse_composite_key(name)[0]
                    yield StartedEntry(queue.name, name, job_id, self._clock.now_s() - until_s)

    def look_again(self, entry: StartedEntry) -> StartedEntry | None:
        queue = next(queue for queue in self._queues if queue.name == entry.list_name)
        with _translated_errors():
            until_s: Any = self._redis.zscore(queue.started_job_registry.key, entry.entry)
            now_s = self._clock.now_s()
        return None if until_s is None else replace(entry, overdue_s=now_s - until_s)

    def bring_back(self) -> int:
        with _translated_errors():
            return self._sweeper.sweep()

    def _place_on(self, queue: Queue, job_id: str) -> Place | None:
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.lpos(queue.key, job_id)
            pipeline.lpos(queue.intermediate_queue_key, job_id)
            pipeline.zrange(queue.started_job_registry.key, 0, -1)
            position, handed_over, started = pipeline.execute()
        if any(parse_composite_key(as_text(entry))[0] == job_id for entry in started):
            return Place(Standing.STARTED, queue.name)
        if handed_over is not None:
            return Place(Standing.HANDED_OVER, queue.name)
        return Place(Standing.WAITING, queue.name, position) if position is not None else None


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except REDIS_AWAY as error:
        raise away(error) from error
