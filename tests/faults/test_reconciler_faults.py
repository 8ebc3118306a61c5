"""The reconciler dies after each of its steps, and two of them work at once."""

import threading
import time

from tests.faults.cells import MARIADB, SQLITE, Seen, cell
from tests.faults.client import Clients
from tests.faults.oracle import Expected, Oracle
from tests.faults.rig import Rig

STEPS = ("reconcile_expired", "reconcile_swept", "listed", "reconcile_dispatched", "reconcile_tidied")


def leave_work_for_it(rig: Rig, clients: Clients) -> str:
    """Something for each step: an expired lease, what a dead worker held in Redis, uploads that nobody put on
    a list, and an entry of a job that was cancelled, whose id is returned. No worker is left."""
    rig.keep_dead("worker-2", "reconciler")
    rig.restart("worker-1", failpoints="in_infer:sleep=2@1")
    clients.upload_many(3)
    rig.until(lambda: statuses(rig, "processing"), what="work in progress")
    rig.keep_dead("worker-1")
    cancelled = clients.upload(priority="bulk")
    rig.until(lambda: rig.redis_client.llen("rq:queue:images-bulk"), what="an entry on a list")
    assert rig.http.post(f"/jobs/{cancelled}/cancel").status_code == 200
    rig.wires["gateway"].cut()
    clients.upload_many(3)
    return cancelled


@cell(
    "F44",
    fault="reconciler killed −9 after each of its steps",
    promised="the next one goes on from there; nothing lost or doubled",
    houses=(MARIADB, SQLITE),
    long=True,
)
def test_killed_after_each_step(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    cancelled = leave_work_for_it(rig, clients)
    for step in STEPS:
        rig.begin("reconciler", failpoints=f"{step}:kill9@1")
        assert rig.end_of("reconciler", timeout_s=60) == -9, step
    rig.wires["gateway"].mend()
    rig.hands_off.clear()
    oracle.check(Expected(cancelled={cancelled}), timeout_s=90)
    seen.saw(f"{len(STEPS)} of {len(STEPS)} kills, 6 of 6 done and the cancelled one forgotten")


@cell(
    "F44",
    fault="the reconciler that leads is killed −9, another stands by",
    promised="the other leads as soon as the lease has run out",
    dozen=True,
)
def test_another_takes_over(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    other = rig.another("reconciler-2", "worker.py", "reconciler")
    rig.until(lambda: holders(rig), what="a leader")
    other.start()
    rig.until(lambda: rig.redis_client.exists("veilgate:present:reconciler:reconciler-2"), what="the other")
    leader = holders(rig)
    rig.wires["gateway"].cut()
    rig.keep_dead("reconciler")
    clients.upload_many(2)
    began_s = time.monotonic()
    rig.until(lambda: holders(rig) - leader, what="another leader")
    took_s = time.monotonic() - began_s
    rig.wires["gateway"].mend()
    oracle.check()
    other.kill()
    seen.saw(f"led {took_s:.1f} s after the kill; 2 of 2 that only a reconciler could dispatch were done")


@cell(
    "F44",
    fault="two reconcilers lead at once, because their lease is taken away again and again",
    promised="every step may be done twice: nothing lost or doubled",
    houses=(MARIADB, SQLITE),
)
def test_two_at_once(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    cancelled = leave_work_for_it(rig, clients)
    other = rig.another("reconciler-2", "worker.py", "reconciler")
    leaders: set[str] = set()
    stop = threading.Event()

    def take_lease_away() -> None:
        while not stop.wait(0.1):
            leaders.update(holders(rig))
            rig.execute("DELETE FROM leader_leases")

    thief = threading.Thread(target=take_lease_away)
    thief.start()
    try:
        other.start()
        rig.begin("reconciler")
        rig.until(lambda: len(leaders) == 2, what="two that lead by turns")
        rig.hands_off.clear()
        rig.until(lambda: oracle.have_ended(clients.told.accepted), what="their ends", timeout_s=60)
    finally:
        stop.set()
        thief.join()
    rig.wires["gateway"].mend()
    oracle.check(Expected(cancelled={cancelled}))
    other.kill()
    seen.saw("both led; 6 of 6 done once, the cancelled one forgotten")


def statuses(rig: Rig, status: str) -> int:
    found = rig.select("SELECT count(*) AS n FROM jobs WHERE status = :status", status=status)
    return int(found[0]["n"])


def holders(rig: Rig) -> set[str]:
    rows = rig.select("SELECT holder FROM leader_leases WHERE name = 'reconciler'")
    return {row["holder"] for row in rows}
