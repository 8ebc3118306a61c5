"""A worker dies at each step of a picture's way through it. Every cell begins with jobs that wait."""

import time

from tests.faults.cells import MARIADB, SQLITE, Seen, cell
from tests.faults.client import Clients
from tests.faults.lone_worker import EIGHT_IN_WORK, die, give_all_to_one, jobs, values
from tests.faults.oracle import Oracle
from tests.faults.rig import Rig

BOTH = (MARIADB, SQLITE)
KILLED = -9


def until_all_ended(rig: Rig, oracle: Oracle, ids: list[str]) -> float:
    """Seconds from now."""
    began_s = time.monotonic()
    rig.until(lambda: oracle.have_ended(ids), what="an end of all jobs", timeout_s=60)
    return time.monotonic() - began_s


@cell("F6", fault="worker killed right after BLMOVE", promised="runs within lease and sweep", houses=BOTH)
def test_killed_after_take(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    ids = give_all_to_one(rig, clients, 1, failpoints="after_take:kill9@1")
    die(rig, by=KILLED)
    took_s = until_all_ended(rig, oracle, ids)
    assert values(rig, ids, "deliveries") == [1], "nobody had begun it"
    oracle.check()
    seen.saw(f"done {took_s:.1f} s after the kill, begun once")


@cell("F7", fault="worker killed with 3 more of 8 taken", promised="all back")
def test_killed_in_gathering(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    first, *others = give_all_to_one(rig, clients, 8, failpoints="after_take:kill9@4")
    die(rig, by=KILLED)
    took_s = until_all_ended(rig, oracle, [first, *others])
    assert values(rig, others, "deliveries") == [1] * 7, "only the first had been begun"
    oracle.check()
    seen.saw(f"8 of 8 done {took_s:.1f} s after the kill, the three and all that waited begun once")


@cell("F8", fault="worker killed between RQ's claim and the database's", promised="runs; attempts unchanged")
def test_killed_after_rq_claim(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    ids = give_all_to_one(rig, clients, 4, failpoints="after_rq_claim:kill9@2")
    die(rig, by=KILLED)
    took_s = until_all_ended(rig, oracle, ids)
    oracle.check()
    deliveries = values(rig, ids, "deliveries")
    assert 1 in deliveries, "those of the second claim were not begun"
    seen.saw(f"4 of 4 done {took_s:.1f} s after the kill, begun {deliveries} times")


@cell(
    "F9",
    fault="worker killed in inference with 8 in work",
    promised="all back, alone, none lost",
    houses=BOTH,
    dozen=True,
)
def test_killed_in_inference(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    ids = give_all_to_one(rig, clients, 8, failpoints=EIGHT_IN_WORK.format("kill9"))
    die(rig, by=KILLED)
    took_s = until_all_ended(rig, oracle, ids)
    rows = jobs(rig, ids)
    assert [(row["deliveries"], bool(row["ran_alone"])) for row in rows] == [(2, True)] * 8
    oracle.check()
    seen.saw(f"8 of 8 ran again, each alone, all done {took_s:.1f} s after the kill; attempts 0")


@cell(
    "F10",
    fault="worker killed between storing a result and pointing to it",
    promised="one result; the other's files go",
    houses=BOTH,
)
def test_killed_after_result_put(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    [job_id] = give_all_to_one(rig, clients, 1, failpoints="after_result_put:kill9@1")
    die(rig, by=KILLED)
    stored = [key for key in rig.house.keys() if job_id in key and "/1/" in key]  # noqa: SIM118 - no dict
    assert stored, "the first claim's copies"
    took_s = until_all_ended(rig, oracle, [job_id])
    [row] = jobs(rig, [job_id])
    assert row["result_key"].endswith("/2/"), row["result_key"]
    oracle.check()
    seen.saw(
        f"the second claim's result {took_s:.1f} s after the kill; {len(stored)} files of the first gone"
    )


@cell(
    "F11", fault="worker killed between pointer and RQ's success", promised="the second delivery is a no-op"
)
def test_killed_after_pointer(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    ids = give_all_to_one(rig, clients, 1, failpoints="after_pointer:kill9@1")
    die(rig, by=KILLED)
    [ended] = jobs(rig, ids)
    assert ended["status"] == "completed"
    oracle.check()
    assert jobs(rig, ids) == [ended], "nobody touched it again"
    seen.saw("completed once; RQ's entry was removed, its row untouched")


@cell("F12", fault="worker killed when 3 of 8 are finished in RQ", promised="none lost, none done twice")
def test_killed_in_finishing(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    ids = give_all_to_one(rig, clients, 8, failpoints="finish:kill9@4")
    die(rig, by=KILLED)
    done = {row["id"]: row for row in jobs(rig, ids) if row["status"] == "completed"}
    assert len(done) >= 4, "an end is written down before RQ hears of it"
    oracle.check()
    after = jobs(rig, ids)
    assert [row for row in after if row["id"] in done] == list(done.values()), "what was done stays as it was"
    again = [row for row in after if row["deliveries"] == 2]
    seen.saw(f"{len(done)} done before the kill and not again, {len(again)} ran again")
