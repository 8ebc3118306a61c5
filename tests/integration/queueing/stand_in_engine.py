"""An engine without pictures: it behaves as told, records what it was given, and settles through the database
as the real recorder does."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from veilgate.domain.errors import DeviceLost, VeilgateError
from veilgate.persistence.records import ClaimedJob, NewEvent
from veilgate.persistence.unit_of_work import Database
from veilgate.services.engines.settlements import Settlement, Verdict


@dataclass(frozen=True)
class Begun:
    """A job at the moment when it was handed to the engine."""

    job_id: str
    beside: frozenset[str]
    pixels_in_flight: int


class StandInEngine:
    """`behave` is called in a thread for each job; what it raises fails the job."""

    def __init__(
        self,
        database: Database,
        behave: Callable[[ClaimedJob], None] = lambda _job: None,
        *,
        threads: int = 16,
    ) -> None:
        self.settlements: queue.SimpleQueue[Settlement] = queue.SimpleQueue()
        self.begun: list[Begun] = []
        self.abandoned: list[str] = []
        self.lost_device: DeviceLost | None = None
        self._database = database
        self._behave = behave
        self._lock = threading.Lock()
        self._in_flight: dict[str, int] = {}
        self._threads = ThreadPoolExecutor(threads)

    @property
    def order(self) -> list[str]:
        return [begun.job_id for begun in self.begun]

    def begin(self, job: ClaimedJob) -> None:
        with self._lock:
            beside = frozenset(self._in_flight)
            self._in_flight[job.id] = job.width * job.height
            self.begun.append(Begun(job.id, beside, sum(self._in_flight.values())))
        self._threads.submit(self._work, job)

    def abandon(self, job_id: str) -> None:
        self.abandoned.append(job_id)

    def close(self) -> None:
        self._threads.shutdown()

    def _work(self, job: ClaimedJob) -> None:
        error: VeilgateError | None = None
        try:
            self._behave(job)
        except DeviceLost as lost:
            self.lost_device = lost
            return
        except VeilgateError as raised:
            error = raised
        settlement = self._record(job, error)
        with self._lock:
            del self._in_flight[job.id]
        self.settlements.put(settlement)

    def _record(self, job: ClaimedJob, error: VeilgateError | None) -> Settlement:
        verdict = Verdict.COMPLETED if error is None else Verdict.FAILED
        with self._database.write() as transaction:
            if not transaction.events.append_fenced(job.id, job.fence, NewEvent("job", verdict, "{}")):
                verdict = Verdict.LOST
            elif error is None:
                transaction.claims.complete(job.id, job.fence, results="{}", result_key=f"fence-{job.fence}")
            else:
                transaction.claims.fail(job.id, job.fence, error, attempts=job.attempts + 1)
        return Settlement(job.id, job.fence, verdict, error)
