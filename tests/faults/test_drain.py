"""An orderly end: SIGTERM at any moment ends with 0 in time and leaves no job between two lists."""

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cells import MARIADB, SQLITE, Seen, cell, random_of
from tests.faults.client import Clients
from tests.faults.lone_worker import EIGHT_IN_WORK, VICTIM, give_all_to_one, jobs
from tests.faults.members import Member
from tests.faults.oracle import Oracle
from tests.faults.rig import WORKERS, Rig
from veilgate.domain.families import IMAGES

BOTH = (MARIADB, SQLITE)
GRACE_S = 30.0  # as the supervisor and Kubernetes give
ROUNDS = 2
_BIT_OF_SIGTERM = 1 << (signal.SIGTERM - 1)


def stranded(rig: Rig) -> list[Any]:
    """Ids that are on no list from which anybody takes: being handed over, or counted as started."""
    redis, found = rig.redis_client, list[Any]()
    for name in IMAGES.queues.values():
        found += redis.lrange(f"rq:queue:{name}:intermediate", 0, -1)
        found += redis.zrange(f"rq:wip:{name}", 0, -1)
    return found


def ends_well(rig: Rig, member: Member) -> float:
    """Wait for its end, which was asked for; how long that took."""
    began_s, life = time.monotonic(), len(member.ends)
    code = member.wait_for_end(life, timeout_s=GRACE_S)
    assert code == 0, f"{member.name} ended with {code}: {rig.log[-2000:]}"
    assert stranded(rig) == []
    return time.monotonic() - began_s


@pytest.mark.parametrize(
    ("moment", "failpoints"),
    [
        ("gathering", "after_take:term@4"),
        ("in work", EIGHT_IN_WORK.format("term")),
        ("finishing", "finish:term@3"),
    ],
    ids=["gathering", "in-work", "finishing"],
)
@cell(
    "F19",
    fault="SIGTERM while a worker gathers, works, finishes",
    promised="0 in time, nothing between lists",
)
def test_worker_is_asked_to_end(
    rig: Rig, oracle: Oracle, clients: Clients, seen: Seen, *, moment: str, failpoints: str
) -> None:
    ids = give_all_to_one(rig, clients, 12, failpoints=failpoints)
    took_s = ends_well(rig, rig.members[VICTIM])
    rows = jobs(rig, ids)
    assert {row["status"] for row in rows} <= {"completed", "submitted"}, "nothing is left in work"
    done = sum(row["status"] == "completed" for row in rows)
    rig.hands_off.discard(VICTIM)
    oracle.check(forget=False)
    assert {row["deliveries"] for row in jobs(rig, ids)} == {1}, "none was begun twice"
    seen.saw(f"{moment}: exit 0 after {took_s:.1f} s with start, {done} of 12 done by it, none begun twice")
    clients.forget()


@cell("F19", fault="SIGTERM to a worker that waits", promised="0 in time", houses=BOTH, dozen=True)
def test_idle_worker_is_asked_to_end(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.hands_off.add(VICTIM)
    rig.members[VICTIM].send(signal.SIGTERM)
    took_s = ends_well(rig, rig.members[VICTIM])
    clients.upload_many(2)
    oracle.check()
    seen.saw(f"idle: exit 0 after {took_s:.1f} s")


@cell("F20", fault="SIGTERM twice within 1 s, then SIGKILL, with 8 in work", promised="as F9")
def test_asked_twice_then_killed(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    ids = give_all_to_one(rig, clients, 8, failpoints="in_infer:sleep=20@1,in_infer:sleep=20@2")
    rig.until(lambda: all(row["status"] == "processing" for row in jobs(rig, ids)), what="8 in work")
    for _ in range(2):
        rig.members[VICTIM].send(signal.SIGTERM)
        time.sleep(0.3)  # the matrix says that it is less than a second
    assert rig.members[VICTIM].is_alive, "it waits for what is in work, however often it is asked"
    assert rig.members[VICTIM].kill() == -9
    rig.hands_off.discard(VICTIM)
    oracle.check(forget=False)
    again = [row for row in jobs(rig, ids) if row["deliveries"] == 2]
    assert again, "the kill met nobody"
    seen.saw(f"{len(again)} of 8 ran again; attempts 0")
    clients.forget()


@pytest.mark.timeout(300)
@cell(
    "F19r",
    fault="SIGTERM at random moments to gateway, worker and reconciler: starting, working, ending",
    promised="0 in time, nothing between lists",
    houses=BOTH,
    long=True,
)
def test_asked_at_any_moment(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    chance, seed = random_of("F19r")
    took_s = []
    rig.keep_dead(WORKERS[1])
    for _ in range(ROUNDS):
        clients.upload_many(6)
        for name in chance.sample(["gateway", VICTIM, "reconciler"], 3):
            took_s.append(_ask_at_random(rig, rig.members[name], after_s=chance.uniform(0, 2.5)))
        rig.hands_off -= {"gateway", VICTIM, "reconciler"}
        rig.until(lambda: rig.is_at_work("gateway"), what="the gateway", timeout_s=60)
    rig.hands_off.clear()
    oracle.check()
    seen.saw(f"{len(took_s)} ends with 0, the slowest after {max(took_s):.1f} s (seed {seed})")


def _ask_at_random(rig: Rig, member: Member, *, after_s: float) -> float:
    """Ask a life that began so long ago, twice, the second time while it ends or has ended."""
    rig.hands_off.add(member.name)
    member.terminate()
    assert member.ends[-1] == 0, f"{member.name} ended with {member.ends[-1]}: {rig.log[-2000:]}"
    member.start()
    rig.until(lambda: _listens(member.pid), what="it to listen")
    time.sleep(after_s)  # the random moment
    member.send(signal.SIGTERM)
    time.sleep(after_s / 10)
    if member.is_alive:
        member.send(signal.SIGTERM)
        return ends_well(rig, member)
    assert member.ends[-1] == 0
    return 0.0


def _listens(pid: int) -> bool:
    """Whether it has come to its first line: until then any process dies of SIGTERM."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.split("SigCgt:")[1].split()[0], 16) & _BIT_OF_SIGTERM)
