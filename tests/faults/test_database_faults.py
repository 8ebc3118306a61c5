"""The database server is killed, kept away, made to undo transactions, and its answers are lost."""

import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
from sqlalchemy import Connection, text

from tests.faults.cells import Seen, cell
from tests.faults.client import Clients
from tests.faults.houses import MariaDbAndS3
from tests.faults.oracle import Oracle
from tests.faults.rig import LEASE_S, Rig
from tests.waiting import wait_until
from veilgate.persistence.engine import open_engine

# What makes a transaction of ours the heavier one, so that the server undoes the other.
_WEIGHT = 200


def mariadb_of(rig: Rig) -> MariaDbAndS3:
    assert isinstance(rig.house, MariaDbAndS3)
    return rig.house


@cell(
    "F33",
    fault="mariadbd killed −9 during 200 inserts",
    promised="every row of a 202 is there after its restart",
)
def test_killed_during_inserts(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    server = mariadb_of(rig).mariadb
    with clients.insist_side_by_side(200, clients=8):
        rig.until(lambda: len(clients.told.accepted) >= 40, what="40 uploads taken")
        server.kill()
        acknowledged = set(clients.told.accepted)
        rig.until(lambda: clients.told.tries_in_vain > 0, what="somebody who missed the server")
        server.start()
        rows = {row["id"] for row in rig.select("SELECT id FROM jobs")}
    assert acknowledged <= rows
    in_vain = clients.told.tries_in_vain
    oracle.check(timeout_s=90)
    seen.saw(f"{len(acknowledged)} had 202 and all were there; {in_vain} tries refused, 200 of 200 done")


@cell(
    "F34",
    fault=f"mariadbd away for {2.5 * LEASE_S:g} s, more than two leases",
    promised="503 with Retry-After, no 202; what was in work is done when it is back",
)
def test_away(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    server = mariadb_of(rig).mariadb
    rig.keep_dead("worker-2")
    rig.restart("worker-1", failpoints="in_infer:sleep=0.5@1")
    clients.upload_many(8)
    rig.until(lambda: processing(rig), what="work in progress")
    server.kill()
    began_s = time.monotonic()
    answers: list[httpx.Response | None] = []
    while time.monotonic() - began_s < 2.5 * LEASE_S:
        answers.append(clients.send(clients.photo()))
    refusals = [answer for answer in answers if answer is not None]
    assert len(refusals) == len(answers) >= 2
    assert {answer.status_code for answer in refusals} == {503}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refusals)
    part = rig.http.get("/health").json()["parts"]["database"]
    assert part["code"] == "database_unavailable"
    assert part["since"] <= time.time()
    assert rig.http.get("/ready").status_code == 503
    server.start()
    back_s = time.monotonic()
    rig.until(lambda: clients.send(clients.photo()).status_code == 202, what="uploads taken again")  # type: ignore[union-attr]
    seen.saw(f"{len(refusals)} of {len(refusals)} refused with 503")
    seen.saw(f"taken again {time.monotonic() - back_s:.1f} s after its return")
    oracle.check()


@cell(
    "F34",
    fault="database out of a worker's reach for less than its lease",
    promised="the worker holds its results and writes them when it can, under the same claim",
)
def test_away_for_less_than_a_lease(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead("worker-2")
    rig.restart("worker-1", failpoints="in_infer:sleep=2@1", JOB_LEASE_S="15")
    clients.upload_many(6)
    rig.until(lambda: decoded(rig) & processing(rig), what="work in progress")
    wire = rig.database_wires["worker-1"]
    wire.cut()
    in_work = decoded(rig) & processing(rig)
    rig.until(lambda: in_work <= results_in_store(rig), what="copies of all that were in work")
    assert in_work <= processing(rig), "nothing can have been written down"
    wire.mend()
    oracle.check()
    claims = {row["id"]: row["deliveries"] for row in rig.select("SELECT id, deliveries FROM jobs")}
    assert {claims[job_id] for job_id in in_work} == {1}
    seen.saw(f"{len(in_work)} of {len(in_work)} done under their first claim")


@cell(
    "F35",
    fault="a row that an upload needs is held, then crossed: deadlock",
    promised="the transaction is done again, and the caller gets 202",
    dozen=True,
)
def test_deadlock_with_an_upload(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    before = deadlocks(rig)
    with own_transaction(rig) as connection, ThreadPoolExecutor(1) as pool:
        key, photo = f"crossed-{time.time_ns()}", clients.photo()
        connection.execute(
            text(
                "INSERT INTO idempotency_keys"
                " (owner_id, idempotency_key, fingerprint, created_at_ms, deduplicated)"
                " SELECT owner_id, :key, '', 0, 0 FROM jobs LIMIT 1"
            ),
            {"key": key.encode()},
        )
        upload = pool.submit(clients.send, photo, key=key)
        somebody_waits(rig)
        # It has written its other rows, one of which we now want.
        connection.execute(
            text("SELECT id FROM jobs WHERE id = :id FOR UPDATE"), {"id": newest_job(connection)}
        )
        connection.rollback()
        answer = upload.result()
    assert answer is not None
    assert answer.status_code == 202, answer.text
    assert deadlocks(rig) == before + 1, "the server was to find a deadlock"
    oracle.check()
    seen.saw("undone once, 202 at the second try")


@cell(
    "F35",
    fault="rows that a worker needs are held: lock wait timeout, then a deadlock",
    promised="the end is written at another try, with no attempt counted",
)
def test_deadlock_with_a_worker(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead("worker-2")
    rig.restart("worker-1", JOB_LEASE_S="15", JOB_TIMEOUT_S="30")
    before = deadlocks(rig)
    with own_transaction(rig) as connection:
        connection.execute(text("SELECT * FROM totals FOR UPDATE")).all()
        job_id = clients.upload()
        first = somebody_waits(rig)
        # innodb_lock_wait_timeout is 2 s in our sessions; whoever comes again is another transaction.
        somebody_waits(rig, beside=first)
        connection.execute(text("UPDATE jobs SET correlation_id = NULL WHERE id = :id"), {"id": job_id})
        connection.commit()
    assert deadlocks(rig) == before + 1, "the server was to find a deadlock"
    oracle.check()
    row = rig.select("SELECT deliveries FROM jobs WHERE id = :id", id=job_id)[0]
    assert row["deliveries"] == 1
    seen.saw("one time-out, one deadlock, done under the first claim")


@cell(
    "F36",
    fault="reply to the COMMIT of an upload swallowed",
    promised="looked up on another connection: 202, and one row",
    dozen=True,
)
def test_lost_reply_to_an_upload(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    wire = rig.database_wires["gateway"]
    # The dispatcher commits, too, when it has put an upload on its list.
    rig.until(lambda: not undispatched(rig), what="a quiet dispatcher")
    swallowed = wire.swallowed
    wire.swallow(b"COMMIT")
    photo = clients.photo()
    answer = clients.send(photo)
    assert wire.swallowed == swallowed + 1, "a reply was to be lost"
    assert answer is not None
    assert answer.status_code == 202, answer.text
    rows = rig.select("SELECT id FROM processed_images WHERE filename = :name", name=photo.filename)
    assert [row["id"] for row in rows] == [answer.json()["job_id"]]
    oracle.check()
    seen.saw("202 after a second look; one row")


@cell(
    "F36",
    fault="reply to each COMMIT of a worker swallowed, one after the other",
    promised="one end, every stage once under each claim, no attempt counted",
)
def test_lost_reply_to_a_worker(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead("worker-2")
    wire = rig.database_wires["worker-1"]
    ids, claims = [], 0
    for number in range(6):
        swallowed = wire.swallowed
        wire.swallow(b"COMMIT", after=number)
        ids.append(clients.upload())
        rig.until(lambda: oracle.have_ended(ids), what="its end")
        wire.mend()
        if wire.swallowed == swallowed:
            break  # a picture has no more commits than that
    lost = wire.swallowed
    assert lost >= 2, "claim and end have a commit each"
    for row in rig.select("SELECT id, deliveries FROM jobs"):
        claims += row["deliveries"] if row["id"] in ids else 0
    doubled = rig.select(
        "SELECT job_id, stage, attempt, outcome, count(*) AS n FROM stage_events"
        " GROUP BY job_id, stage, attempt, outcome HAVING count(*) > 1"
    )
    assert [row for row in doubled if row["job_id"] in ids] == [], "events written twice"
    oracle.check()
    seen.saw(f"{lost} replies lost, {len(ids)} of {len(ids)} done in {claims} claims")


@contextmanager
def own_transaction(rig: Rig) -> Iterator[Connection]:
    """One that has written so much that a server which must choose undoes the other."""
    mariadb = mariadb_of(rig).mariadb
    mariadb.execute("CREATE DATABASE IF NOT EXISTS veil_own", "CREATE TABLE IF NOT EXISTS veil_own.t (n INT)")
    engine = open_engine(rig.house.database_url)
    try:
        # Sees what others have written and not committed, as a lock does.
        with engine.connect().execution_options(isolation_level="READ UNCOMMITTED") as connection:
            connection.execute(text("INSERT INTO veil_own.t VALUES (:n)"), [{"n": n} for n in range(_WEIGHT)])
            yield connection
            connection.rollback()
    finally:
        engine.dispose()


def newest_job(connection: Connection) -> str:
    """Of an upload that may not be committed yet."""
    found = connection.execute(text("SELECT id FROM jobs ORDER BY created_at_ms DESC LIMIT 1"))
    return str(found.scalar_one())


def processing(rig: Rig) -> set[str]:
    return {row["id"] for row in rig.select("SELECT id FROM jobs WHERE status = 'processing'")}


def decoded(rig: Rig) -> set[str]:
    """Jobs that a worker knows it has: it has written something about them."""
    return {
        row["job_id"] for row in rig.select("SELECT job_id FROM stage_events WHERE stage = 'decode_picture'")
    }


def results_in_store(rig: Rig) -> set[str]:
    """Ids of jobs whose copies are stored."""
    stored = rig.house.keys()
    return {key.split("/")[1] for key in stored if key.endswith("/thumbnail-320.jpg")}


def undispatched(rig: Rig) -> int:
    waiting = rig.select(
        "SELECT count(*) AS n FROM jobs WHERE status = 'submitted' AND dispatched_at_ms IS NULL"
    )
    return int(waiting[0]["n"])


def deadlocks(rig: Rig) -> int:
    [(_, count)] = mariadb_of(rig).mariadb.execute("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
    return int(count)


def somebody_waits(rig: Rig, *, beside: Collection[int] = ()) -> set[int]:
    """The transactions that wait for a row which somebody holds, as soon as there is one."""
    query = "SELECT trx_id FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"

    def found() -> set[int]:
        return {row[0] for row in mariadb_of(rig).mariadb.execute(query)} - set(beside)

    # The table is only made anew when nobody has looked at it for 0.1 s.
    return wait_until(found, timeout_s=30, what="somebody who waits for a row", poll_s=0.2)
