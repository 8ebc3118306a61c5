"""An object store that fails now and then, loses its replies, gives wrong bytes; a folder in mid-write."""

import os
import signal
import threading
import time
from collections import Counter

from tests.faults.cells import SQLITE, Seen, cell, random_of
from tests.faults.client import Clients
from tests.faults.houses import MariaDbAndS3
from tests.faults.oracle import Expected, Oracle
from tests.faults.rig import Rig
from tests.fixtures.object_server import FaultProxy

_TWO_DAYS_S = 2 * 86_400
_STATUSES = (500, 503, 0)


def faults_of(rig: Rig) -> FaultProxy:
    assert isinstance(rig.house, MariaDbAndS3)
    return rig.house.s3_faults


@cell(
    "F40",
    fault="30 % of S3's requests end in 500, in 503 or without an answer",
    promised="tried again with a pause; all is done, no upload half",
)
def test_a_store_that_fails_at_random(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    chance, _ = random_of("F40")
    turn, met = threading.Lock(), Counter[int]()

    def status_of(_method: str, _path: str) -> int | None:
        with turn:
            if chance.random() >= 0.3:
                return None
            status = chance.choice(_STATUSES)
            met[status] += 1
            return status

    faults_of(rig).failing = status_of
    with clients.insist_side_by_side(40):
        pass
    assert len(clients.told.accepted) == 40
    rig.until(lambda: oracle.have_ended(clients.told.accepted), what="their ends", timeout_s=90)
    faults_of(rig).mend()
    assert len(met) == len(_STATUSES)
    ids = set(clients.told.accepted)
    starts = sum(row["fence"] for row in rig.select("SELECT id, fence FROM jobs") if row["id"] in ids)
    refused = clients.told.tries_in_vain
    oracle.check()
    seen.saw(f"{met[500]} × 500, {met[503]} × 503, {met[0]} without an answer: 40 of 40 done")
    seen.saw(f"{refused} uploads refused, {starts} starts of 40 pictures")


@cell(
    "F40",
    fault="S3 away for longer than a picture is tried",
    promised="no upload is taken, and no job that was taken fails",
    long=True,
)
def test_a_store_that_is_away(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead("worker-2")
    rig.restart("worker-1", JOB_MAX_ATTEMPTS="2")
    rig.members["worker-1"].send(signal.SIGSTOP)
    ids = clients.upload_many(4)
    faults_of(rig).failing = lambda _method, _path: 503
    rig.members["worker-1"].send(signal.SIGCONT)
    answer = clients.send(clients.photo())
    assert answer is not None
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "object_store_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    rig.until(lambda: starts_of(rig, ids[0]) >= 3, what="a third try of a picture that had two")
    faults_of(rig).mend()
    oracle.check(timeout_s=90)
    seen.saw("4 of 4 done when it was back, after 3 tries where JOB_MAX_ATTEMPTS is 2")


@cell(
    "F41",
    fault="S3 stored an original and the copies, their replies are lost",
    promised="put again: the same key, the same bytes",
)
def test_lost_replies(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    faults, lost = faults_of(rig), []

    def is_first_put(method: str, path: str) -> bool:
        if method != "PUT" or path in lost:
            return False
        lost.append(path)
        return True

    faults.losing_reply = is_first_put
    clients.upload_many(3)
    rig.until(lambda: oracle.have_ended(clients.told.accepted), what="their ends")
    faults.mend()
    originals = [path for path in lost if "/original/" in path]
    puts = Counter(path for method, path in faults.requests if method == "PUT")
    assert len(originals) == 3
    assert len(lost) == 3 * 4, "an original and three copies each"
    assert all(puts[path] == 2 for path in lost)
    oracle.check()
    seen.saw(f"{len(lost)} replies lost, {len(lost)} put once more, 3 of 3 done")


@cell(
    "F42",
    fault="S3 gives an original with wrong bytes, then half of one",
    promised="its checksum tells; read again, then done",
    dozen=True,
)
def test_wrong_bytes_once(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    faults, spoilt = faults_of(rig), []

    def spoil(method: str, path: str, content: bytes) -> bytes:
        if method != "GET" or "/original/" not in path or path in spoilt:
            return content
        spoilt.append(path)
        return content[:-1] + b"?" if len(spoilt) == 1 else content[: len(content) // 2]

    faults.spoiling = spoil
    ids = clients.upload_many(2)
    rig.until(lambda: oracle.have_ended(ids), what="their ends")
    faults.mend()
    assert len(spoilt) == 2, "both were to be spoilt"
    oracle.check()
    seen.saw("2 of 2 done at the second reading, no attempt counted")


@cell(
    "F42",
    fault="S3 gives wrong bytes each time",
    promised="failed as original_damaged after its attempts; others go on",
)
def test_wrong_bytes_always(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead("worker-1", "worker-2")
    bad, good = clients.upload(), clients.upload()
    key = rig.select("SELECT original_key FROM processed_images WHERE id = :id", id=bad)[0]["original_key"]
    faults_of(rig).spoiling = lambda _method, path, content: b"!" + content[1:] if key in path else content
    rig.hands_off.clear()
    rig.until(lambda: oracle.have_ended([bad, good]), what="both ends", timeout_s=60)
    faults_of(rig).mend()
    row = rig.select("SELECT error_code, attempts FROM jobs WHERE id = :id", id=bad)[0]
    assert row == {"error_code": "original_damaged", "attempts": 3}
    oracle.check(Expected(failed={bad}, attempts={bad: 3}))
    seen.saw("original_damaged after 3 attempts; its neighbour done")


@cell(
    "F43",
    fault="gateway and worker killed −9 between writing a file and giving it its name",
    promised="no partial file is seen; what is left goes with housekeeping",
    houses=(SQLITE,),
)
def test_killed_before_rename(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    before, left_before = set(rig.house.keys()), set(rig.house.leftovers())
    rig.restart("gateway", failpoints="before_rename[original/]:kill9@1")
    photo = clients.photo()
    assert clients.send(photo) is None, "the gateway was to die"
    assert rig.end_of("gateway") == -9
    assert set(rig.house.keys()) == before
    clients.insist(photo)
    rig.keep_dead("worker-2")
    rig.restart("worker-1", failpoints="before_rename[results/]:kill9@2")
    job_id = clients.upload()
    assert rig.end_of("worker-1") == -9
    rig.until(lambda: oracle.have_ended([job_id]), what="its end")
    left = set(rig.house.leftovers()) - left_before
    assert len(left) >= 2, "one of the gateway, one of the worker, and what its other threads wrote"
    # A day later, as housekeeping sees it.
    for path in left:
        os.utime(path, (time.time() - _TWO_DAYS_S,) * 2)
    rig.restart("reconciler")
    rig.until(lambda: not left & set(rig.house.leftovers()), what="housekeeping")
    oracle.check()
    seen.saw(f"{len(left)} files without a name, seen by nobody, gone with housekeeping a day later")


def starts_of(rig: Rig, job_id: str) -> int:
    """Every claim, also those that found the store away and are not held against the picture."""
    return int(rig.select("SELECT fence FROM jobs WHERE id = :id", id=job_id)[0]["fence"])
