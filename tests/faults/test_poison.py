"""Pictures that break what looks at them, and devices that break by themselves."""

import hashlib

import pytest

from tests.faults.cells import MARIADB, SQLITE, Seen, cell
from tests.faults.client import Clients, Photo
from tests.faults.lone_worker import EIGHT_IN_WORK, VICTIM, give_all_to_one, jobs, values
from tests.faults.oracle import Expected, Oracle
from tests.faults.rig import WORKERS, Rig
from worker import EXIT_DEVICE_LOST

BOTH = (MARIADB, SQLITE)
MOST_ATTEMPTS = 3  # JOB_MAX_ATTEMPTS, as it is unless somebody changes it
SEGFAULT = -11
# Two pictures hold up the device's threads, so that the rest gathers before it.
A_CHUNK_TOO_LARGE = "in_infer:sleep=3@1,in_infer:sleep=3@2,in_infer:oom@3"


def digest(photo: Photo) -> str:
    return hashlib.sha256(photo.data).hexdigest()[:16]


def upload_with_poison(rig: Rig, clients: Clients, *, good: int) -> tuple[str, str]:
    """Jobs that wait while nobody works, one of them poison; its id and how its file's sum begins."""
    rig.keep_dead(*WORKERS)
    clients.upload_many(good // 2)
    photo = clients.photo()
    answer = clients.send(photo)
    assert answer
    clients.upload_many(good - good // 2)
    return str(answer.json()["job_id"]), digest(photo)


def begin(rig: Rig, *names: str) -> None:
    rig.hands_off -= set(names)


@pytest.mark.timeout(240)
@cell(
    "F17",
    fault="a picture that ends every process that looks at it (SIGSEGV), among 7 good",
    promised="7 done without attempts, 1 failed; at most 1 + 3 crashes",
    houses=BOTH,
)
def test_hard_poison(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    poison, sum_ = upload_with_poison(rig, clients, good=7)
    lives = {name: len(rig.members[name].ends) for name in WORKERS}
    for name in WORKERS:
        rig.curse(name, failpoints=f"in_infer[{sum_}]:segv")
    begin(rig, *WORKERS)
    oracle.check(Expected(failed=[poison], attempts={poison: MOST_ATTEMPTS}), timeout_s=120)
    ends = [code for name in WORKERS for code in rig.members[name].ends[lives[name] :]]
    assert set(ends) == {SEGFAULT}, ends
    assert len(ends) <= 1 + MOST_ATTEMPTS
    [row] = jobs(rig, [poison])
    assert row["error_code"] == "worker_died"
    seen.saw(f"{len(ends)} crashes, {MOST_ATTEMPTS} of them alone; 7 of 7 good done, attempts 0")


@pytest.mark.timeout(240)
@cell(
    "F18", fault="a picture that the model raises on, among 7 good", promised="only it fails, retried first"
)
def test_soft_poison(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    poison, sum_ = upload_with_poison(rig, clients, good=7)
    rig.curse(VICTIM, failpoints=f"in_infer[{sum_}]:raise")
    begin(rig, VICTIM)
    oracle.check(Expected(failed=[poison], attempts={poison: MOST_ATTEMPTS}), timeout_s=90)
    [row] = jobs(rig, [poison])
    assert row["error_code"] == "stage_failed"
    assert rig.members[VICTIM].is_alive
    seen.saw(f"7 of 7 done, attempts 0; the poison failed after {MOST_ATTEMPTS} tries, no process ended")


@cell(
    "F18b",
    fault="out of memory on the device for a chunk",
    promised="the chunk is halved, the smaller bound kept and shown",
    dozen=True,
)
def test_out_of_device_memory(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    give_all_to_one(rig, clients, 8, failpoints=A_CHUNK_TOO_LARGE, JOB_TIMEOUT_S="30")
    rig.hands_off.discard(VICTIM)
    rig.until(lambda: "device.smaller_chunks" in rig.log, what="a halved chunk")
    oracle.check()
    bound = rig.until(lambda: _smallest_chunk(rig), what="/health to show the smaller bound")
    assert rig.log.count("device.smaller_chunks") == 1, "said once"
    seen.saw(f"8 of 8 done, attempts 0; chunks of at most {bound} pixels from then on, as /health says")


def _smallest_chunk(rig: Rig) -> int | None:
    """The bound of our worker, once it is below where it began."""
    health = rig.get("/health")
    found = [worker["chunk_pixels"] for worker in health["workers"]["images"] if worker["name"] == VICTIM]
    return next((int(bound) for bound in found if bound < 1_000_000), None)


@pytest.mark.timeout(240)
@cell(
    "F18c", fault="a picture for which the device has never memory enough", promised="only it fails, retried"
)
def test_a_picture_that_never_fits(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    poison, sum_ = upload_with_poison(rig, clients, good=7)
    rig.curse(VICTIM, failpoints=f"in_infer[{sum_}]:oom")
    begin(rig, VICTIM)
    oracle.check(Expected(failed=[poison], attempts={poison: MOST_ATTEMPTS}), timeout_s=90)
    [row] = jobs(rig, [poison])
    assert "ran out of memory" in row["error_message"]
    seen.saw(f"7 of 7 done, attempts 0; it failed after {MOST_ATTEMPTS} tries: {row['error_message']}")


@cell(
    "F52",
    fault="the device is lost (cudaErrorUnknown) with 8 in work",
    promised="the worker ends, all wait again, none a suspect",
    houses=BOTH,
)
def test_device_lost(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    ids = give_all_to_one(rig, clients, 8, failpoints=EIGHT_IN_WORK.format("device_lost"))
    code = rig.end_of(VICTIM, timeout_s=60)
    assert code == EXIT_DEVICE_LOST, rig.log[-2000:]
    waiting = [row for row in jobs(rig, ids) if row["status"] == "submitted"]
    assert len(waiting) >= 7, "all but the one that was past the device may be done"
    assert {(row["attempts"], bool(row["suspect"])) for row in waiting} == {(0, False)}
    rig.hands_off.discard(VICTIM)
    oracle.check()
    assert not any(values(rig, ids, "ran_alone"))
    seen.saw(f"exit {code}; {len(waiting)} of 8 waited again, none as a suspect; all done, attempts 0")


@pytest.mark.timeout(240)
@cell(
    "F52b",
    fault="the device stays broken while 20 jobs wait",
    promised="no worker takes any; all done when it works again",
)
def test_device_stays_lost(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead(*WORKERS)
    ids = clients.upload_many(20)
    before = len(rig.members[VICTIM].ends)
    rig.curse(VICTIM, failpoints="before_work:device_lost")
    begin(rig, VICTIM)
    rig.until(lambda: len(rig.members[VICTIM].ends) >= before + 4, what="four starts in vain", timeout_s=60)
    assert set(rig.members[VICTIM].ends[before:]) == {EXIT_DEVICE_LOST}
    assert set(values(rig, ids, "deliveries")) == {0}, "none was begun"
    rig.mend()
    oracle.check()
    assert set(values(rig, ids, "deliveries")) == {1}
    seen.saw(f"4 starts ended with {EXIT_DEVICE_LOST}, none of 20 jobs begun; 20 of 20 done afterwards")
