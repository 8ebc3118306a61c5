"""Hosts whose wall clock is an hour off: the database's clock decides who holds a job and for how long."""

import pytest

from tests.faults.cells import Seen, cell
from tests.faults.client import Clients
from tests.faults.oracle import Oracle
from tests.faults.rig import LEASE_S, Rig
from tests.fixtures.wrong_clock import clock_off_by

BOTH_WAYS = pytest.mark.parametrize("offset", ["+1h", "-1h"])


@BOTH_WAYS
@cell(
    "F45",
    fault="wall clock of a worker an hour off, and it is killed −9 at work",
    promised="its jobs run again when their leases have run out, not an hour later",
)
def test_a_workers_clock(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen, offset: str) -> None:
    rig.keep_dead("worker-2")
    rig.restart("worker-1", failpoints="in_infer:kill9@2", **clock_off_by(offset))
    worker, lives = rig.members["worker-1"], len(rig.members["worker-1"].ends)
    clients.upload()
    rig.until(lambda: oracle.have_ended(clients.told.accepted), what="a picture by the wrong clock")
    clients.upload_many(4)
    assert worker.wait_for_end(lives) == -9
    rig.hands_off.clear()
    oracle.check(timeout_s=60)
    seen.saw(f"{offset}: 1 done by it, 4 of 4 done again after its death")


@BOTH_WAYS
@cell(
    "F45",
    fault="a sweeper an hour off is the first to see what a worker took that died then",
    promised="what it had taken comes back within seconds",
)
def test_a_sweepers_clock(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen, offset: str) -> None:
    rig.keep_dead("worker-1", "worker-2", "reconciler")
    rig.begin("worker-1", failpoints="after_take:kill9@1")
    clients.upload()
    assert rig.end_of("worker-1") == -9
    rig.begin("reconciler", **clock_off_by(offset))
    rig.until(lambda: rig.redis_client.exists("veilgate:handed-over:images-interactive"), what="a first look")
    rig.keep_dead("reconciler")
    rig.hands_off.clear()
    oracle.check(timeout_s=60)
    seen.saw(f"{offset}: done")


@BOTH_WAYS
@cell(
    "F45",
    fault="wall clock of the reconciler an hour off",
    promised="leases of the living are left alone, those of the dead expire in time",
    long=True,
)
def test_the_reconcilers_clock(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen, offset: str) -> None:
    rig.restart("reconciler", **clock_off_by(offset))
    rig.keep_dead("worker-2")
    rig.restart("worker-1", failpoints=f"in_infer:sleep={2 * LEASE_S:g}@1")
    alive = clients.upload()
    rig.until(lambda: oracle.have_ended([alive]), what="a picture that takes two leases")
    starts = rig.select("SELECT deliveries FROM jobs WHERE id = :id", id=alive)[0]["deliveries"]
    assert starts == 1, "a lease that was renewed must hold"
    rig.restart("worker-1", failpoints="in_infer:stop@1")
    clients.upload_many(2)
    rig.until(lambda: rig.select("SELECT id FROM jobs WHERE status = 'processing'"), what="work in progress")
    rig.keep_dead("worker-1")
    rig.hands_off.clear()
    oracle.check(timeout_s=60)
    seen.saw(f"{offset}: a picture of two leases started once; 2 of 2 of the dead done again")
