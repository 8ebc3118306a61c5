"""Workers that hang in native code, and workers that are short of memory."""

import resource

import pytest

from tests.faults.cells import MARIADB, SQLITE, Seen, cell
from tests.faults.client import Clients
from tests.faults.lone_worker import EIGHT_IN_WORK, VICTIM, give_all_to_one, jobs
from tests.faults.oracle import Expected, Oracle
from tests.faults.rig import WORKERS, Rig
from tests.faults.test_poison import digest
from veilgate.queueing.watchdog import EXIT_CODE

BOTH = (MARIADB, SQLITE)
# A deadline of 2 s, and 2 s of grace; failed when it hung alone once.
SHORT = {"JOB_TIMEOUT_S": "2", "JOB_MAX_ATTEMPTS": "1"}
FAULTHANDLER_EXIT_CODE = 1
KILLED = -9


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("action", "code", "says"),
    [("sleep", EXIT_CODE, "watchdog.picture_hangs"), ("hang", FAULTHANDLER_EXIT_CODE, "Timeout (0:00:0")],
    ids=["in-a-thread", "with-the-interpreter"],
)
@cell(
    "F15",
    fault="the model hangs, in a thread or holding the interpreter's lock",
    promised="ended at deadline + grace, tried again alone, then failed",
)
def test_hang(
    rig: Rig, oracle: Oracle, clients: Clients, seen: Seen, *, action: str, code: int, says: str
) -> None:
    rig.keep_dead(*WORKERS)
    rig.restart("reconciler", **SHORT)
    photo = clients.photo()
    answer = clients.send(photo)
    assert answer
    job_id = str(answer.json()["job_id"])
    clients.upload_many(3)
    logged, lives = len(rig.log), len(rig.members[VICTIM].ends)
    rig.curse(VICTIM, failpoints=f"in_infer[{digest(photo)}]:{action}=60", **SHORT)
    rig.hands_off.discard(VICTIM)
    oracle.check(Expected(failed=[job_id], attempts={job_id: 1}), timeout_s=90)
    # One that cannot renew its lease is given up before it ends.
    rig.until(lambda: len(rig.members[VICTIM].ends) == lives + 2, what="it to end, in company and alone")
    assert rig.members[VICTIM].ends[lives:] == [code, code]
    assert says in rig.log[logged:]
    [row] = jobs(rig, [job_id])
    assert row["error_code"] == "worker_died"
    seen.saw(f"{action}: ended twice by itself (exit {code}), the picture failed, 3 of 3 others done")


@pytest.mark.timeout(240)
@cell(
    "F16",
    fault="worker killed by the kernel for one picture's memory",
    promised="as F9; the picture fails in the end",
)
def test_killed_for_memory(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead(*WORKERS)
    photo = clients.photo()
    answer = clients.send(photo)
    assert answer
    poison = str(answer.json()["job_id"])
    clients.upload_many(5)
    lives = len(rig.members[VICTIM].ends)
    rig.curse(VICTIM, failpoints=f"in_infer[{digest(photo)}]:kill9")
    rig.hands_off.discard(VICTIM)
    oracle.check(Expected(failed=[poison], attempts={poison: 3}), timeout_s=90)
    ends = rig.members[VICTIM].ends[lives:]
    assert ends == [KILLED] * 4, "once in company, three times alone"
    seen.saw(f"{len(ends)} deaths by SIGKILL; 5 of 5 others done, attempts 0")


@pytest.mark.timeout(240)
@cell("F16b", fault="a worker's address space is full (RLIMIT_AS) with 8 in work", promised="none lost")
def test_no_address_space(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    ids = give_all_to_one(rig, clients, 8, failpoints=EIGHT_IN_WORK.format("sleep=1"))
    rig.until(lambda: all(row["status"] == "processing" for row in jobs(rig, ids)), what="8 in work")
    victim = rig.members[VICTIM]
    pid, lives = victim.pid, len(victim.ends)
    resource.prlimit(pid, resource.RLIMIT_AS, (1 << 20, resource.RLIM_INFINITY))  # nothing more
    rig.until(
        lambda: not victim.is_alive or any(row["attempts"] for row in jobs(rig, ids)),
        what="the shortage to do harm",
        timeout_s=60,
    )
    if victim.is_alive:
        resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    rig.hands_off.discard(VICTIM)
    oracle.check(Expected(any_attempts=True), timeout_s=90)
    tried_again = sum(row["attempts"] > 0 for row in jobs(rig, ids))
    ended = f"the worker ended with {victim.ends[lives]}" if victim.ends[lives:] else "the worker lived on"
    seen.saw(f"{ended}; {tried_again} of 8 failed for it and were tried again; 8 of 8 done")
