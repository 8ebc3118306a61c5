"""A worker process with the stand-in engine: what a job does, its id says.

`python -m tests.integration.queueing.stand_in_worker DATABASE_URL REDIS_URL GATE LEASE_S TIMEOUT_S`
"""

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

from tests.integration.queueing.stand_in_engine import StandInEngine
from veilgate.domain.families import IMAGES
from veilgate.persistence.engine import open_engine
from veilgate.persistence.records import ClaimedJob
from veilgate.persistence.unit_of_work import Database
from veilgate.queueing.connection import open_redis
from veilgate.queueing.session_parts import SessionLimits, SessionParts
from veilgate.queueing.session_worker import SessionWorker
from veilgate.queueing.watchdog import Watchdog
from veilgate.queueing.work_list import WorkList
from veilgate.services.jobs.claims import Claims
from veilgate.stop_request import StopRequest


def behave(job: ClaimedJob, gate: Path) -> None:
    """`gated…` waits until the file `gate` exists; `kill…`, `gil…` and `hang…` do what they say."""
    match job.id.partition("-")[0]:
        case "gated":
            while not gate.exists():
                time.sleep(0.01)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "gil":
            ctypes.PyDLL(None).sleep(600)
        case "hang":
            threading.Event().wait()


def main(database_url: str, redis_url: str, gate: str, lease_s: str, timeout_s: str) -> None:
    database = Database(open_engine(database_url))
    redis = open_redis(redis_url, timeout_s=15.0)
    engine = StandInEngine(database, lambda job: behave(job, Path(gate)))
    parts = SessionParts(
        family="images",
        claims=Claims(database, worker=str(os.getpid()), lease_s=float(lease_s)),
        engine=engine,
        settlements=engine.settlements,
        lanes=WorkList(redis, job_timeout_s=float(timeout_s)).lanes_of(IMAGES),
        watchdog=Watchdog(timeout_s=float(timeout_s), grace_s=0.5),
        limits=SessionLimits(8, 10_000, float(lease_s)),
        # Once it waits for jobs, requests to stop are heard: until then they simply end the process.
        announce=Path(f"{gate}.{os.getpid()}").touch,
    )
    worker = SessionWorker(redis, parts, name=str(os.getpid()))
    StopRequest().tell(worker.request_stop)
    worker.work(logging_level="WARNING")
    engine.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
