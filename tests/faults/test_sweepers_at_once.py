"""Everybody tidies up at once: our sweepers, RQ's cleaners, and an operator who looks with RQ's own tool."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rq.registry import clean_registries

from tests.faults.cells import Seen, cell
from tests.faults.client import Clients
from tests.faults.oracle import Oracle
from tests.faults.rig import WORKERS, Rig
from veilgate.domain.families import IMAGES
from veilgate.queueing.sweeper import Sweeper
from veilgate.queueing.work_list import WorkList

IN_HAND = 16


@cell(
    "F32",
    fault="two more sweepers, two RQ cleaners and `rq info` in loops while dead workers' jobs are due",
    promised="each job is seen once; what RQ doubles is refused",
)
def test_sweepers_at_once(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    for name in WORKERS:
        rig.restart(name, failpoints="in_infer:sleep=4")
    ids = clients.upload_many(IN_HAND)
    rig.until(lambda: oracle.count(ids, "processing") == IN_HAND, what="all in two workers' hands")
    queues = list(WorkList(rig.redis_client, job_timeout_s=6).lanes_of(IMAGES).values())
    swept: list[int] = []

    def sweep() -> None:
        swept.append(Sweeper(rig.redis_client, queues, handover_s=1.0).sweep())

    def clean() -> None:
        for queue in queues:
            clean_registries(queue)

    rounds: list[int] = []
    with in_loops(rounds, sweep, sweep, clean, clean, lambda: rq_info(rig)):
        for name in WORKERS:
            rig.members[name].kill()
        rig.until(lambda: oracle.have_ended(ids), what="all done under the brooms", timeout_s=60)
    oracle.check()
    assert min(rounds) >= 2, "everybody was to be at it"
    seen.saw(f"{IN_HAND} of {IN_HAND} done once, {sum(swept)} brought back by these two; rounds {rounds}")


def rq_info(rig: Rig) -> None:
    program = Path(sys.executable).parent / "rq"
    told = subprocess.run(
        [program, "info", "--url", rig.redis.url], capture_output=True, text=True, timeout=30, check=False
    )
    assert told.returncode == 0, told.stderr


@contextmanager
def in_loops(rounds: list[int], *tasks: Callable[[], None]) -> Iterator[None]:
    """Each task again and again in a thread of its own; then how often each was done."""
    stop = threading.Event()

    def loop(task: Callable[[], None]) -> int:
        done = 0
        while not stop.wait(0.02):
            task()
            done += 1
        return done

    with ThreadPoolExecutor(len(tasks)) as threads:
        futures = [threads.submit(loop, task) for task in tasks]
        try:
            yield
        finally:
            stop.set()
    rounds += [future.result() for future in futures]
