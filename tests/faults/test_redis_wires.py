"""The wire to Redis: replies are lost, come late or never, or connections are cut again and again."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rq.utils import as_text

from tests.faults.cells import Seen, cell
from tests.faults.client import Clients
from tests.faults.oracle import Oracle
from tests.faults.rig import WORKERS, Rig

LIST = "rq:queue:images-interactive"
HANDED_OVER = f"{LIST}:intermediate"
# What only the script that lists jobs names; the gateway's thread and the reconciler run it.
LISTING = b"rq:queues"


@cell("F27", fault="the reply to an enqueue is lost", promised="one entry, one run")
def test_reply_to_enqueue_lost(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead(*WORKERS)
    gateway, reconciler = rig.wires["gateway"], rig.wires["reconciler"]
    lost_before = gateway.swallowed + reconciler.swallowed
    gateway.swallow(LISTING)
    by_gateway = clients.upload_many(3)
    rig.until(lambda: set(by_gateway) <= set(entries(rig, LIST)), what="all listed")
    gateway.cut()
    reconciler.swallow(LISTING)
    by_reconciler = clients.upload_many(3)
    rig.until(lambda: set(by_reconciler) <= set(entries(rig, LIST)), what="all listed by the reconciler")
    assert gateway.swallowed + reconciler.swallowed == lost_before + 2
    time.sleep(1.0)  # three rounds of the reconciler, which must find nothing to add
    assert set(Counter(entries(rig, LIST)).values()) == {1}
    gateway.mend()
    rig.start()
    gateway.swallow(LISTING)
    ids = [*by_gateway, *by_reconciler, clients.upload()]
    oracle.check()
    assert gateway.swallowed + reconciler.swallowed == lost_before + 3
    assert ran_once(rig, ids) == set(ids)
    seen.saw("3 replies lost; 6 waiting jobs once each on the list, 7 of 7 ran once")


@cell("F28", fault="the reply to a worker's EXEC of a success is lost", promised="done once; RQ agrees")
def test_reply_to_success_lost(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    lose_a_reply(rig, oracle, clients, marker=b"successful_job_count")
    seen.saw("4 of 4 ran once; the transaction was done again")


@cell("F28a", fault="the reply to a worker's EXEC of a claim is lost", promised="runs once")
def test_reply_to_claim_lost(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    lose_a_reply(rig, oracle, clients, marker=b"PERSIST")
    seen.saw("4 of 4 ran once; the transaction was done again")


def lose_a_reply(rig: Rig, oracle: Oracle, clients: Clients, *, marker: bytes) -> None:
    """One to worker 1, which is alone. Four pictures are done all the same, once each."""
    rig.keep_dead("worker-2")
    wire, pid = rig.wires["worker-1"], rig.members["worker-1"].pid
    lost_before = wire.swallowed
    wire.swallow(marker)
    ids = clients.upload_many(4)
    oracle.check()
    assert wire.swallowed == lost_before + 1
    assert rig.members["worker-1"].pid == pid
    assert ran_once(rig, ids) == set(ids)


@cell(
    "F28b",
    fault="the reply to a worker's taking of a job is lost",
    promised="the job comes back and runs",
    dozen=True,
)
def test_reply_to_take_lost(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead("worker-2")
    wire = rig.wires["worker-1"]
    lost_before = wire.swallowed
    # Only when there is something to take, else the reply to a look at an empty list is lost.
    wire.cut()
    ids = clients.upload_many(4)
    rig.until(lambda: set(ids) <= set(entries(rig, LIST)), what="all listed")
    wire.mend()
    wire.swallow(b"LMOVE")
    rig.until(lambda: wire.swallowed > lost_before, what="a lost reply")
    lost_s = time.monotonic()
    # Looked at now: on a busy machine the sweeper has been there before the other three are done.
    assert set(entries(rig, HANDED_OVER)) & set(ids), "whose reply was lost lies in the hand-over list"
    oracle.check()
    assert ran_once(rig, ids) == set(ids)
    seen.saw(f"back from the hand-over list, all done {time.monotonic() - lost_s:.1f} s after the loss")


@cell(
    "F29a",
    fault="redis 2 s slow for everybody",
    promised="/upload and /status do not feel it, /health answers, workers recover",
    long=True,
)
def test_slow_redis(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    begin_some(rig, oracle, clients)
    for wire in rig.wires.values():
        wire.delay_s = 2.0
    keep_the_budget(rig, clients, seen)
    recover(rig, oracle, clients, seen)


@cell(
    "F29b",
    fault="redis a black hole for everybody",
    promised="/upload and /status do not feel it, /health answers, workers recover",
    long=True,
)
def test_silent_redis(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    begin_some(rig, oracle, clients)
    for wire in rig.wires.values():
        wire.silence()
    keep_the_budget(rig, clients, seen)
    recover(rig, oracle, clients, seen)


def begin_some(rig: Rig, oracle: Oracle, clients: Clients) -> None:
    rig.restart("worker-1", failpoints="in_infer:sleep=0.5")
    ids = clients.upload_many(6)
    rig.until(lambda: oracle.count(ids, "processing"), what="some in work")


def keep_the_budget(rig: Rig, clients: Clients, seen: Seen) -> None:
    """Uploads and questions while Redis is of no use."""
    took_s: dict[str, list[float]] = {"/upload": [], "/status": [], "/health": []}
    for _ in range(20):
        with timed(took_s["/upload"]):
            job_id = clients.upload()
        with timed(took_s["/status"]):
            assert rig.get(f"/status/{job_id}")
    with timed(took_s["/health"]):
        health = rig.get("/health")
    assert health["parts"]["redis"]["status"] == "wrong"
    assert health["parts"]["database"]["status"] == "ok"
    # The gateway's patience with Redis is 1 s: had they waited for it, all had taken longer.
    assert sorted(took_s["/upload"])[18] < 1, took_s
    assert sorted(took_s["/status"])[18] < 1, took_s
    assert max(took_s["/health"]) < 6, "it waits 5 s for an answer and no longer"
    slowest = (f"{name} {max(times) * 1000:.0f} ms" for name, times in took_s.items())
    seen.saw(f"slowest of 20: {', '.join(slowest)}")


def recover(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    for wire in rig.wires.values():
        wire.mend()
    mended_s, how_many = time.monotonic(), len(clients.told.accepted)
    oracle.check()
    seen.saw(f"{how_many} of {how_many} done {time.monotonic() - mended_s:.1f} s after its end")


@cell(
    "F29c",
    fault="redis a black hole for a worker with jobs in hand, for good",
    promised="what it has in hand it finishes; what is new runs elsewhere",
)
def test_black_hole_for_one_worker(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead("worker-2")
    # Nearly as long as in production: what it has in hand is not to run elsewhere.
    rig.restart("worker-1", failpoints="in_infer:sleep=3", JOB_LEASE_S="15", JOB_TIMEOUT_S="120")
    in_hand = clients.upload_many(4)
    rig.until(lambda: oracle.count(in_hand, "processing") == 4, what="all in its hands")
    began_s, pid = time.monotonic(), rig.members["worker-1"].pid
    rig.wires["worker-1"].silence()
    rig.hands_off.clear()
    rig.until(lambda: rig.is_at_work("worker-2"), what="the other worker at work")
    new = clients.upload_many(4)
    rig.until(lambda: oracle.have_ended(new), what="the new ones done by the other")
    rig.until(lambda: oracle.have_ended(in_hand), what="the end of what it has in hand", timeout_s=60)
    ended_s = time.monotonic() - began_s
    assert ran_once(rig, in_hand) == set(in_hand)
    assert rig.members["worker-1"].pid == pid
    rig.wires["worker-1"].mend()
    rig.until(lambda: rig.is_at_work("worker-1"), what="its return")
    oracle.check()
    seen.saw(f"4 in hand ended {ended_s:.1f} s later, 4 new ones elsewhere")


@cell("F31", fault="CLIENT KILL of every connection each second", promised="work goes on", dozen=True)
def test_connections_killed(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    pids, killed = {name: rig.members[name].pid for name in WORKERS}, list[int]()
    with every_s(1.0, lambda: killed.append(kill_connections(rig))):
        while len(killed) < 3:
            with clients.insist_side_by_side(6):
                pass
        oracle_ids = list(clients.told.accepted)
        rig.until(lambda: oracle.have_ended(oracle_ids), what="all done under fire")
    assert min(killed) > 0
    oracle.check()
    assert {name: rig.members[name].pid for name in WORKERS} == pids
    seen.saw(
        f"{sum(killed)} connections killed in {len(killed)} blows, {len(oracle_ids)} jobs done meanwhile"
    )


def kill_connections(rig: Rig) -> int:
    return sum(rig.redis_client.client_kill_filter(_type=kind) for kind in ("normal", "pubsub"))


@contextmanager
def every_s(pause_s: float, action: Callable[[], object]) -> Iterator[None]:
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(pause_s):
            action()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def timed(times_s: list[float]) -> Iterator[None]:
    began_s = time.monotonic()
    yield
    times_s.append(time.monotonic() - began_s)


def entries(rig: Rig, name: str) -> list[str]:
    return [str(as_text(entry)) for entry in rig.redis_client.lrange(name, 0, -1)]


def ran_once(rig: Rig, ids: list[str]) -> set[str]:
    rows = rig.select("SELECT id FROM jobs WHERE deliveries = 1")
    return {row["id"] for row in rows} & set(ids)
