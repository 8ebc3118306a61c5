"""An SQLite file that others lock, that its writers die in, and that is set back to an older day."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from tests.faults.cells import SQLITE, Seen, cell, random_of
from tests.faults.client import Clients
from tests.faults.oracle import Expected, Oracle
from tests.faults.rig import LEASE_S, Rig

ONLY_SQLITE = (SQLITE,)
PROCESSES = ("gateway", "worker-1", "worker-2", "reconciler")
_ROUNDS = 3  # one to make a picture suspect, two while it runs alone


@cell(
    "F37",
    fault=f"SQLite file locked by another process for {1.5 * LEASE_S:g} s, more than a lease",
    promised="uploads and results wait for their turn, nothing fails",
    houses=ONLY_SQLITE,
)
def test_locked_for_a_while(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    clients.upload_many(4)  # whose results are to be written meanwhile
    with ExitStack() as uploads, locked(rig):
        uploads.enter_context(clients.insist_side_by_side(8))
        time.sleep(1.5 * LEASE_S)  # so long it is locked
        held_back = 12 - len(clients.told.accepted)
    in_vain = clients.told.tries_in_vain
    assert len(clients.told.accepted) == 12
    assert held_back == 8, "every upload was to wait"
    oracle.check()
    seen.saw(f"{held_back} uploads waited, {in_vain} tries refused, 12 of 12 done")


@cell(
    "F37",
    fault="SQLite file locked by another process for longer than anybody waits",
    promised="503 with Retry-After; 202 as soon as it is free",
    houses=ONLY_SQLITE,
)
def test_locked_for_long(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    with locked(rig):
        began_s = time.monotonic()
        answer = clients.send(clients.photo())
        waited_s = time.monotonic() - began_s
    assert answer is not None
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    clients.upload()
    oracle.check()
    seen.saw(f"503 after {waited_s:.1f} s, then 202 at once")


@cell(
    "F37",
    fault="every process killed −9 at random while the file is written",
    promised="integrity_check says ok; each 202 is there",
    houses=ONLY_SQLITE,
)
def test_writers_killed(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    chance, _ = random_of("F37")
    path = file_of(rig)
    in_wal = 0
    with clients.insist_side_by_side(30):
        for number in range(_ROUNDS):
            rig.until(
                lambda number=number: len(clients.told.accepted) >= 8 * number,  # type: ignore[misc]
                what="uploads under way",
            )
            time.sleep(chance.uniform(0, 0.2))  # the moment of the kill
            for name in PROCESSES:
                rig.members[name].kill()
            in_wal += path.with_name(f"{path.name}-wal").stat().st_size > 0
            assert integrity(path) == "ok"
            acknowledged = set(clients.told.accepted)
            assert acknowledged <= {row["id"] for row in rig.select("SELECT id FROM jobs")}
    assert in_wal == _ROUNDS, "there was to be something in the journal"
    assert len(clients.told.accepted) == 30
    # Chance kills pictures that run alone, too; after three such deaths one would fail.
    oracle.check(Expected(any_attempts=True))
    seen.saw(f"{_ROUNDS} of {_ROUNDS} kills of all left a journal, the file was whole each time")


@cell(
    "F38",
    fault="database set back to a copy older than Redis",
    promised="ids that it does not know are dropped, what it knows is done again, nothing crashes",
    houses=ONLY_SQLITE,
)
def test_database_set_back(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen, tmp_path: Path) -> None:
    rig.keep_dead("worker-1", "worker-2")
    known = clients.upload_many(3)
    rig.until(lambda: rig.redis_client.llen("rq:queue:images-interactive") == 3, what="three on the list")
    with closing(sqlite3.connect(file_of(rig))) as now, closing(sqlite3.connect(tmp_path / "copy")) as copy:
        now.backup(copy)
    rig.hands_off.clear()
    rig.until(lambda: oracle.have_ended(known), what="the end of what the copy shows as waiting")
    rig.keep_dead("worker-1", "worker-2")
    unknown = clients.upload_many(4)
    rig.until(lambda: rig.redis_client.llen("rq:queue:images-interactive") == 4, what="four on the list")
    rig.keep_dead(*PROCESSES)
    set_back(file_of(rig), tmp_path / "copy")
    # Their callers had 202, and an older copy cannot know of them: no promise reaches that far.
    for job_id in unknown:
        clients.note_unanswered(clients.told.accepted.pop(job_id))
    ends = {name: len(rig.members[name].ends) for name in PROCESSES}
    rig.mend()
    clients.upload_many(2)
    oracle.check()
    crashes = sum(len(rig.members[name].ends) - lives for name, lives in ends.items())
    assert crashes == 0
    assert {row["id"] for row in rig.select("SELECT id FROM jobs")} >= set(known)
    seen.saw(f"{len(unknown)} unknown ids dropped, {len(known)} known ones and 2 new ones done, no crash")


def file_of(rig: Rig) -> Path:
    return rig.data_dir / "veilgate.db"


def integrity(path: Path) -> str:
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        [(said,)] = connection.execute("PRAGMA integrity_check").fetchall()
    return str(said)


@contextmanager
def locked(rig: Rig) -> Iterator[None]:
    """Nobody else can write meanwhile."""
    with closing(sqlite3.connect(file_of(rig), timeout=10, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def set_back(path: Path, copy: Path) -> None:
    """As an operator does while nothing runs: with the file goes its journal."""
    for suffix in ("-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
    copy.replace(path)
