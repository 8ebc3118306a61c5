"""Redis dies, is away for long, or comes back with less than it knew: nothing accepted is lost with it."""

import shutil
import time
from pathlib import Path

from rq.utils import as_text

from tests.faults.cells import Seen, cell
from tests.faults.client import Clients
from tests.faults.oracle import Oracle
from tests.faults.rig import WORKERS, Rig

LIST = "rq:queue:images-interactive"
AWAY_S = 30.0


@cell(
    "F22",
    fault="redis kill -9 three times during uploads, back after 0.2 s (AOF everysec)",
    promised="no accepted job lost, no list either",
    dozen=True,
)
def test_redis_killed_during_uploads(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    pids, mark = {name: rig.members[name].pid for name in WORKERS}, len(rig.log)
    for _ in range(3):
        with clients.insist_side_by_side(12):
            rig.kill_redis()
            time.sleep(0.2)  # so long it is away
            rig.start_redis()
    back_s = time.monotonic()
    told = clients.told
    assert (len(told.accepted), told.tries_in_vain) == (36, 0), "uploads must not notice"
    oracle.check()
    assert {name: rig.members[name].pid for name in WORKERS} == pids, (
        "workers wait for Redis, they do not end"
    )
    assert "reconciler.lists_were_lost" not in rig.log[mark:]
    seen.saw(f"36 of 36 taken and done, {time.monotonic() - back_s:.1f} s after the last start; same workers")


@cell(
    "F23",
    fault=f"redis kill -9, away for {AWAY_S:g} s",
    promised="uploads still get 202; /health says since when; the queue catches up",
    long=True,
)
def test_redis_away_for_long(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    pids = {name: rig.members[name].pid for name in WORKERS}
    killed_s, slowest_s = time.time(), 0.0
    rig.kill_redis()
    while time.time() < killed_s + AWAY_S:
        began_s = time.monotonic()
        clients.upload()
        slowest_s = max(slowest_s, time.monotonic() - began_s)
        time.sleep(1.0)  # the outage is long, uploads need not be many
    health = rig.get("/health")
    assert health["status"] == "degraded"
    assert abs(health["parts"]["redis"]["since"] - killed_s) < 5
    assert rig.get("/ready"), "what is accepted durably needs no Redis"
    ids = list(clients.told.accepted)
    assert oracle.count(ids, "submitted") == len(ids)
    rig.start_redis()
    back_s = time.monotonic()
    oracle.check()
    assert {name: rig.members[name].pid for name in WORKERS} == pids
    seen.saw(
        f"{len(ids)} of {len(ids)} got 202, the slowest in {slowest_s:.2f} s; done"
        f" {time.monotonic() - back_s:.1f} s after Redis was back; same workers"
    )


@cell(
    "F24a",
    fault="FLUSHALL while pictures wait and are in work",
    promised="the reconciler rebuilds the lists; no double visible result",
    dozen=True,
)
def test_flushed(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead("worker-2")
    rig.restart("worker-1", failpoints="in_infer:sleep=0.5")
    ids = clients.upload_many(16)
    rig.until(lambda: all_dispatched(rig), what="all listed")
    rig.until(lambda: oracle.count(ids, "processing") and len(listed(rig)) > 2, what="some of each")
    mark, waiting = len(rig.log), len(listed(rig))
    rig.redis_client.flushall()
    flushed_s = time.monotonic()
    rig.until(lambda: "reconciler.lists_were_lost" in rig.log[mark:], what="the reconciler to see it")
    noticed_s = time.monotonic() - flushed_s
    oracle.check()
    rig.until(
        lambda: any(worker.startswith("rq:worker:worker-1.") for worker in members(rig, "rq:workers")),
        what="`rq info` to know the worker again",
    )
    seen.saw(f"{waiting} waited; noticed after {noticed_s:.1f} s; `rq info` knows the worker again")


@cell(
    "F24b",
    fault="redis restored from an older copy of its AOF",
    promised="what it does not know is listed again; what it still knows of ended jobs runs no second time",
)
def test_restored_from_an_old_copy(
    rig: Rig, oracle: Oracle, clients: Clients, seen: Seen, tmp_path: Path
) -> None:
    rig.keep_dead(*WORKERS)
    old = clients.upload_many(4)
    rig.until(lambda: set(old) <= listed(rig), what="the first ones listed")
    rig.kill_redis()
    copy_data(rig.redis.folder, tmp_path)
    rig.start_redis()
    rig.start()
    rig.until(lambda: oracle.have_ended(old), what="the first ones done")
    rig.keep_dead(*WORKERS)
    new = clients.upload_many(4)
    rig.until(lambda: set(new) <= listed(rig), what="the next ones listed")
    rig.until(lambda: all_dispatched(rig), what="and marked")
    rig.kill_redis()
    copy_data(tmp_path, rig.redis.folder)
    rig.start_redis()
    assert listed(rig) == set(old), "the copy knows the first ones only"
    restored_s = time.monotonic()
    rig.start()
    oracle.check()
    again = rig.select("SELECT id FROM jobs WHERE deliveries > 1")
    assert not {row["id"] for row in again} & {*old, *new}, "one delivery each"
    seen.saw(f"4 old ids dropped, 4 new ones listed again, done {time.monotonic() - restored_s:.1f} s later")


@cell(
    "F26",
    fault="redis kill -9, AOF cut off in the middle of a command",
    promised="redis starts, the reconciler fills in what is missing",
)
def test_truncated_log(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead(*WORKERS)
    ids = clients.upload_many(8)
    rig.until(lambda: set(ids) <= listed(rig), what="all listed")
    rig.until(lambda: all_dispatched(rig), what="and marked")
    rig.kill_redis()
    log = max(rig.redis.folder.rglob("*.aof"), key=lambda path: path.stat().st_size)
    data = log.read_bytes()
    log.write_bytes(data[: data.rindex(ids[-1].encode()) + 5])
    rig.start_redis()
    assert "short read while loading the AOF" in (rig.redis.folder / "redis.log").read_text()
    missing = set(ids) - listed(rig)
    assert missing, "the log was to lose something"
    back_s = time.monotonic()
    rig.start()
    oracle.check()
    seen.saw(f"{len(missing)} of 8 missing on the list, all done {time.monotonic() - back_s:.1f} s later")


def listed(rig: Rig) -> set[str]:
    return {str(as_text(entry)) for entry in rig.redis_client.lrange(LIST, 0, -1)}


def members(rig: Rig, name: str) -> set[str]:
    return {str(as_text(entry)) for entry in rig.redis_client.smembers(name)}


def all_dispatched(rig: Rig) -> bool:
    [row] = rig.select(
        "SELECT count(*) AS n FROM jobs WHERE dispatched_at_ms IS NULL AND status = 'submitted'"
    )
    return bool(row["n"] == 0)


def copy_data(source: Path, target: Path) -> None:
    """What Redis keeps: not its socket, not its log for people."""
    for path in source.rglob("*.aof"):
        (target / path.relative_to(source)).parent.mkdir(exist_ok=True)
        shutil.copy(path, target / path.relative_to(source))
