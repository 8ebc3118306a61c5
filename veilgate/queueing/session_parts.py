"""What a session is made of: the same for all sessions of a process."""

import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rq import Queue

from veilgate.domain.errors import DeviceLost
from veilgate.domain.jobs import Lane
from veilgate.persistence.records import ClaimedJob
from veilgate.queueing.watchdog import Watchdog
from veilgate.services.engines.settlements import Settlement
from veilgate.services.jobs.claims import Claims


class Engine(Protocol):
    """Works on claimed jobs; each comes back as a settlement, unless the device that it needs is lost."""

    @property
    def lost_device(self) -> DeviceLost | None: ...

    def begin(self, job: ClaimedJob) -> None: ...

    def abandon(self, job_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What one process takes on at a time. Without `max_pixels` they do not count.

    `suspects_run_alone` as `WorkFamily` has it. With `drain_s`, what has not ended so long after a stop was
    asked for is left to others. After `longest_s` nothing more is taken, so that the session comes to an end;
    without it, it goes on as long as there is work: one lookup that hangs would else keep all others waiting.
    """

    max_jobs: int
    max_pixels: int | None
    lease_s: float
    suspects_run_alone: bool = True
    drain_s: float | None = None
    longest_s: float | None = 60.0


@dataclass(frozen=True)
class SessionParts:
    """Everything a session works with; the same for all sessions of a process, which is of one `family`."""

    family: str
    claims: Claims
    engine: Engine
    settlements: "queue.SimpleQueue[Settlement]"
    lanes: dict[Lane, Queue]
    watchdog: Watchdog
    limits: SessionLimits
    announce: Callable[[], None]
