"""Workers that were given up and are not dead: frozen, or cut off from what they write to.

On a server: whoever is frozen in a transaction on SQLite holds the one lock that all writers there wait for.
"""

import signal
import time

import pytest

from tests.faults.cells import Seen, cell
from tests.faults.client import Clients
from tests.faults.lone_worker import OTHER, VICTIM, give_all_to_one, jobs, values
from tests.faults.oracle import Oracle
from tests.faults.rig import LEASE_S, Rig
from tests.processes import is_stopped

# Long enough that the victim is not ended for a picture that took long, before it can do harm.
PATIENT = {"JOB_TIMEOUT_S": "120"}


def other_takes_over(rig: Rig, oracle: Oracle, ids: list[str]) -> None:
    rig.hands_off.discard(OTHER)
    rig.until(lambda: oracle.have_ended(ids), what="the other worker to do it all", timeout_s=60)
    assert set(values(rig, ids, "worker")) == {OTHER}


@pytest.mark.parametrize("place", ["in_infer", "after_result_put"])
@cell(
    "F13",
    fault="worker frozen (SIGSTOP) for more than 3 leases, then continued",
    promised="its result is discarded, its files go",
)
def test_frozen(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen, place: str) -> None:
    ids = give_all_to_one(rig, clients, 3, failpoints=f"{place}:stop@1", **PATIENT)
    rig.until(lambda: is_stopped(rig.members[VICTIM].pid), what="the victim to freeze")
    held = [row["id"] for row in jobs(rig, ids) if row["worker"] == VICTIM]
    frozen_s = time.monotonic()
    other_takes_over(rig, oracle, ids)
    time.sleep(max(0.0, frozen_s + 3 * LEASE_S - time.monotonic()))  # the matrix says how long
    before = jobs(rig, ids)
    logged = len(rig.log)
    rig.members[VICTIM].send(signal.SIGCONT)
    rig.until(lambda: "record.discarded" in rig.log[logged:], what="the zombie to throw its result away")
    oracle.check(forget=False)
    assert jobs(rig, ids) == before, "what it wrote changed nothing"
    assert rig.members[VICTIM].is_alive
    discarded = rig.log[logged:].count("record.discarded")
    seen.saw(f"frozen {place}: {len(held)} jobs done elsewhere, {discarded} results discarded, no file left")
    clients.forget()


def cut_off(rig: Rig, clients: Clients, wires: str) -> list[str]:
    """Silence one worker's way out while it has jobs in work."""
    ids = give_all_to_one(rig, clients, 3, failpoints="in_infer:sleep=4@1,in_infer:sleep=4@2", **PATIENT)
    rig.until(lambda: set(values(rig, ids, "status")) == {"processing"}, what="the victim to have all")
    getattr(rig, wires)[VICTIM].silence()
    return ids


@cell(
    "F14",
    fault="one worker's wires to the database fall silent",
    promised="it writes nothing; all run elsewhere",
)
def test_database_silent_for_one(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    logged = len(rig.log)
    ids = cut_off(rig, clients, "database_wires")
    other_takes_over(rig, oracle, ids)
    before = jobs(rig, ids)
    victim = rig.members[VICTIM].pid
    rig.database_wires[VICTIM].mend()
    rig.until(
        lambda: "record.discarded" in rig.log[logged:],
        what="the victim to throw its results away",
        timeout_s=60,
    )
    oracle.check(forget=False)
    assert jobs(rig, ids) == before, "what it wrote changed nothing"
    clients.forget()
    rig.keep_dead(OTHER)
    ids = clients.upload_many(2)
    oracle.check(forget=False)
    assert set(values(rig, ids, "worker")) == {VICTIM}
    alive = rig.members[VICTIM].pid == victim
    seen.saw(f"3 of 3 done by the other; the victim {'went on' if alive else 'ended'} and works again")
    clients.forget()


@cell(
    "F14b", fault="one worker's wires to Redis fall silent", promised="each ends once; all is well afterwards"
)
def test_redis_silent_for_one(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    ids = cut_off(rig, clients, "wires")
    rig.hands_off.discard(OTHER)
    rig.until(lambda: oracle.have_ended(ids), what="an end of all", timeout_s=60)
    by = values(rig, ids, "worker")
    rig.wires[VICTIM].mend()
    oracle.check(forget=False)
    assert values(rig, ids, "worker") == by
    clients.forget()
    rig.keep_dead(OTHER)
    ids = clients.upload_many(2)
    oracle.check(forget=False, timeout_s=60)
    assert set(values(rig, ids, "worker")) == {VICTIM}
    seen.saw(f"done by {', '.join(sorted(set(by)))}, once each; the victim works again")
    clients.forget()
