"""A session: pictures slide through the worker, each taken when there is room and finished singly.

Only the worker's main thread runs this code, and only this thread talks to Redis on behalf of RQ. The
engine's threads hand back settlements through a queue.
"""

import queue
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from rq import Queue
from rq.job import Job

from veilgate.domain.errors import Unavailable
from veilgate.persistence.records import ClaimedJob, WaitingJob
from veilgate.queueing.connection import REDIS_AWAY
from veilgate.queueing.rq_books import RqBooks, TakenJob
from veilgate.queueing.session_parts import SessionParts
from veilgate.queueing.take_order import TakeOrder
from veilgate.services.engines.settlements import Settlement, Verdict
from veilgate.services.jobs.claims import Release
from veilgate.services.jobs.job_log import log_lost
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import JOBS_IN_HAND

_log = get_logger(__name__)
_TICK_S = 0.02
_DATABASE_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class _Live:
    taken: TakenJob
    job: ClaimedJob
    pixels: int
    began_s: float


class Session:
    """From a first job to the moment when nothing is left, its time is over, a stop is asked for or the
    device is lost. However it ends, no job is left in its hands. One that may never end calls `maintain`
    in its course."""

    def __init__(
        self,
        parts: SessionParts,
        books: RqBooks,
        order: TakeOrder,
        *,
        stop_requested: Callable[[], bool],
        maintain: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._books = books
        self._order = order
        self._stop_requested = stop_requested
        self._maintain = maintain
        self._began_s = time.monotonic()
        self._next_beat_s = self._began_s + parts.limits.lease_s / 3
        self._in_hand: deque[tuple[TakenJob, WaitingJob]] = deque()
        self._live: dict[str, _Live] = {}
        self._alone = False
        self._redis_away = False
        self._database_away = False
        self._stopping_since_s: float | None = None

    def run(self, first: Job, first_queue: Queue) -> None:
        self._with_redis(lambda: self._claim_in_rq([(first, first_queue)]))
        while self._live or self._in_hand:
            # Before the engine gets work: native code may keep the interpreter to itself from then on.
            self._parts.watchdog.pet(min((live.began_s for live in self._live.values()), default=None))
            self._with_redis(self._take_more)
            self._admit()
            self._settle()
            self._beat()
            JOBS_IN_HAND.labels(self._parts.family).set(len(self._live))
            self._with_redis(self._parts.announce)
            if self._parts.limits.longest_s is None:  # else there is time for it between sessions
                self._with_redis(self._maintain)
            if self._parts.engine.lost_device:
                self._release(Release.DEVICE_LOST)
            elif self._is_overdrawn():
                self._release(Release.STOPPED)
            if self._is_closing and not self._live:
                self._with_redis(self._give_back)
                break
        JOBS_IN_HAND.labels(self._parts.family).set(0)
        self._parts.watchdog.rest()

    @property
    def redis_away(self) -> bool:
        """Redis failed us: jobs in work were finished in the database, and nothing more was taken."""
        return self._redis_away

    @property
    def _is_closing(self) -> bool:
        longest_s = self._parts.limits.longest_s
        overdue = longest_s is not None and time.monotonic() - self._began_s > longest_s
        cannot_go_on = self._redis_away or self._database_away or bool(self._parts.engine.lost_device)
        return self._stop_requested() or cannot_go_on or overdue

    def _take_more(self) -> None:
        """Take jobs while there are places; behind one that must wait for room nothing more is taken."""
        found: list[tuple[Job, Queue]] = []
        while not self._is_closing and not self._in_hand and not self._alone:
            if len(self._live) + len(found) >= self._parts.limits.max_jobs:
                break
            job = self._take_one()
            if job is None:
                break
            found.append(job)
        if found:
            self._claim_in_rq(found)

    def _take_one(self) -> tuple[Job, Queue] | None:
        for lane in self._order.next_lanes():
            lane_queue = self._parts.lanes[lane]
            job = self._books.take(lane_queue)
            if job is not None:
                self._order.took()
                return job, lane_queue
        return None

    def _claim_in_rq(self, found: list[tuple[Job, Queue]]) -> None:
        taken = {one.id: one for one in self._books.claim(found)}
        failpoint("after_rq_claim")
        try:
            waiting = {job.id: job for job in self._parts.claims.look_at(list(taken))}
        except Unavailable:
            self._database_away = True
            for one in taken.values():
                self._books.give_back(one)
            time.sleep(_DATABASE_PAUSE_S)
            return
        for job_id, one in taken.items():
            if job_id in waiting and job_id not in self._live:
                self._in_hand.append((one, waiting[job_id]))
            else:
                self._books.drop(one)

    def _admit(self) -> None:
        """Claim what there is room for in the database, and set the engine to work."""
        if self._is_closing:
            return
        group: list[tuple[TakenJob, WaitingJob]] = []
        pixels = sum(live.pixels for live in self._live.values())
        while self._in_hand and self._fits(self._in_hand[0][1], pixels, busy=bool(self._live or group)):
            one, waiting = self._in_hand.popleft()
            group.append((one, waiting))
            pixels += waiting.pixels
            if self._must_be_alone(waiting):
                break
        if group:
            self._begin(group, alone=self._must_be_alone(group[-1][1]))

    def _fits(self, waiting: WaitingJob, pixels: int, *, busy: bool) -> bool:
        if not busy:
            return True
        most = self._parts.limits.max_pixels
        has_room = most is None or pixels + waiting.pixels <= most
        return has_room and not self._alone and not self._must_be_alone(waiting)

    def _must_be_alone(self, waiting: WaitingJob) -> bool:
        return waiting.suspect and self._parts.limits.suspects_run_alone

    def _begin(self, group: list[tuple[TakenJob, WaitingJob]], *, alone: bool) -> None:
        try:
            claimed = self._parts.claims.claim([waiting.id for _, waiting in group], alone=alone)
        except Unavailable:
            self._database_away = True
            self._in_hand.extendleft(reversed(group))
            time.sleep(_DATABASE_PAUSE_S)
            return
        failpoint("after_claim")
        ours = {job.id: job for job in claimed}
        self._alone = alone and bool(ours)
        for one, waiting in group:
            if job := ours.get(waiting.id):
                self._live[job.id] = _Live(one, job, waiting.pixels, time.monotonic())
                self._parts.engine.begin(job)
            else:
                self._with_redis(lambda one=one: self._books.drop(one))  # type: ignore[misc]

    def _settle(self) -> None:
        """Finish in RQ what has been recorded in the database."""
        try:
            settlement = self._parts.settlements.get(timeout=_TICK_S)
        except queue.Empty:
            return
        while True:
            live = self._live.get(settlement.job_id)
            if live and live.job.fence == settlement.fence:
                self._live.pop(settlement.job_id)
                self._with_redis(lambda live=live, settlement=settlement: self._finish(live, settlement))  # type: ignore[misc]
            try:
                settlement = self._parts.settlements.get_nowait()
            except queue.Empty:
                break
        self._alone = self._alone and bool(self._live)

    def _finish(self, live: _Live, settlement: Settlement) -> None:
        failpoint("finish", settlement.job_id)
        match settlement.verdict:
            case Verdict.COMPLETED:
                self._books.succeed(live.taken)
            case Verdict.FAILED | Verdict.RETRIED:
                self._books.fail(live.taken, settlement.error.code if settlement.error else "failed")
            case Verdict.LOST:
                self._books.drop(live.taken)

    def _beat(self) -> None:
        """Renew the leases in database and Redis. A job that is no longer ours is abandoned."""
        if time.monotonic() < self._next_beat_s:
            return
        self._next_beat_s = time.monotonic() + self._parts.limits.lease_s / 3
        failpoint("before_beat")
        try:
            held = [(job_id, live.job.fence) for job_id, live in self._live.items()]
            lost = self._parts.claims.extend(held)
        except Unavailable:
            _log.warning("session.beat_missed", jobs=len(self._live))
            return
        for job_id in lost:
            self._abandon(job_id)
        everything = [live.taken for live in self._live.values()] + [one for one, _ in self._in_hand]
        self._with_redis(lambda: self._books.beat(everything))

    def _abandon(self, job_id: str) -> None:
        """Cancelled, or another worker has it: our result would be discarded anyway."""
        live = self._live.pop(job_id)
        log_lost(live.job)
        self._parts.engine.abandon(job_id)
        self._with_redis(lambda: self._books.drop(live.taken))

    def _is_overdrawn(self) -> bool:
        """Whether the time is over that what runs was given when a stop was asked for."""
        if not self._stop_requested() or self._parts.limits.drain_s is None:
            return False
        if self._stopping_since_s is None:
            self._stopping_since_s = time.monotonic()
        return time.monotonic() - self._stopping_since_s > self._parts.limits.drain_s

    def _release(self, why: Release) -> None:
        """Nothing in work will end here any more, and none of it is to blame: others may have it."""
        try:
            self._parts.claims.release([live.job for live in self._live.values()], why)
        except Unavailable:
            _log.warning("session.not_released", jobs=len(self._live))  # their leases run out
        for job_id, live in self._live.items():
            self._parts.engine.abandon(job_id)
            self._with_redis(lambda live=live: self._books.give_back(live.taken))  # type: ignore[misc]
        self._live.clear()

    def _give_back(self) -> None:
        while self._in_hand:
            self._books.give_back(self._in_hand.popleft()[0])

    def _with_redis(self, action: Callable[[], None]) -> None:
        """Without Redis the work in progress is still finished: the database is the truth."""
        if self._redis_away:
            return
        try:
            action()
        except REDIS_AWAY as error:
            self._redis_away = True
            self._in_hand.clear()
            _log.warning("session.redis_away", error=type(error).__name__, jobs=len(self._live))
