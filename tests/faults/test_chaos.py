"""Faults at random times. A run prints its seed; FAULT_SEED replays the choices."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cells import MARIADB, SQLITE, Seen, cell, random_of
from tests.faults.chaos import Killer, kill_everything, servers_of, start_server
from tests.faults.client import Clients
from tests.faults.oracle import Expected, Oracle
from tests.faults.rig import WORKERS, open_rig

# So many as chance may kill a picture that runs alone; what chance does is no fault of the picture's.
PATIENT: dict[str, Any] = {"JOB_MAX_ATTEMPTS": "20", "JOB_MAX_DELIVERIES": "1000"}
ROUNDS = int(os.environ.get("FAULT_ROUNDS") or 5)
F21_S = 60.0


@pytest.fixture
def patient_oracle(house_name: str, tmp_path: Path) -> Iterator[Oracle]:
    with ExitStack() as stack:
        rig = open_rig(house_name, tmp_path, stack, **PATIENT)
        oracle = Oracle(rig, Clients(rig.port))
        oracle.learn()
        yield oracle


@pytest.mark.timeout(300)
@cell(
    "F21",
    fault="both workers killed every 2 s for 60 s, delivery bound raised",
    promised="all done in the end",
    long=True,
)
def test_workers_killed_again_and_again(patient_oracle: Oracle, seen: Seen) -> None:
    rig, clients = patient_oracle.rig, patient_oracle.clients
    until_s, kills, ids = time.monotonic() + F21_S, 0, list[str]()
    while time.monotonic() < until_s:
        rig.until(lambda: all(rig.is_at_work(name) for name in WORKERS), what="both at work again")
        ids += clients.upload_many(6)
        rig.until(partial(patient_oracle.count, ids, "processing"), what="a picture in somebody's hands")
        for name in WORKERS:
            rig.members[name].kill()
            kills += 1
    patient_oracle.check(Expected(any_attempts=True), timeout_s=120)
    rows = rig.select("SELECT fence, attempts FROM jobs")
    again = sum(row["fence"] > 1 for row in rows)
    attempts = sum(row["attempts"] for row in rows)
    assert again > 0, "no kill met a job"
    assert attempts <= kills, "a kill counted against more than the one picture that ran alone"
    seen.saw(
        f"{kills} kills, {len(ids)} of {len(ids)} done; {again} started again, {attempts} deaths of lone ones"
    )


@pytest.mark.timeout(1800)
@cell(
    "F53",
    fault=f"kill −9 of all processes and servers at a random moment, {ROUNDS} times",
    promised="P1, P2, P3",
    houses=(MARIADB, SQLITE),
    long=True,
)
def test_everything_killed_at_once(patient_oracle: Oracle, seen: Seen) -> None:
    rig, clients, (chance, seed) = patient_oracle.rig, patient_oracle.clients, random_of("F53")
    accepted = 0
    for _ in range(ROUNDS):
        with clients.insist_side_by_side(12) as uploads:
            moment = chance.randint(0, 12)
            rig.until(partial(_are_done, uploads, moment), what=f"{moment} uploads with their 202")
            accepted += sum(upload.done() for upload in uploads)
            kill_everything(rig)
            for name in servers_of(rig):
                start_server(rig, name)
            rig.mend()
    patient_oracle.check(Expected(any_attempts=True), timeout_s=120)
    seen.saw(f"seed {seed}: {12 * ROUNDS} of {12 * ROUNDS} done once; {accepted} had their 202 before a kill")


@pytest.mark.timeout(300)
@cell(
    "F53b",
    fault="every process and server killed at random, one after another",
    promised="P1, P2, P3",
    dozen=True,
)
def test_everybody_killed_in_turn(patient_oracle: Oracle, seen: Seen) -> None:
    rig, clients, (chance, seed) = patient_oracle.rig, patient_oracle.clients, random_of("F53b")
    victims = (*rig.members, *servers_of(rig))
    killer = Killer(rig, chance, victims=victims, every_s=0.5)
    with clients.insist_side_by_side(40) as uploads:
        killer.rage_until(lambda: killer.kills.total() >= 6 and all(upload.done() for upload in uploads))
    patient_oracle.check(Expected(any_attempts=True), timeout_s=120)
    seen.saw(f"seed {seed}: {killer.kills.total()} kills, 40 of 40 done once")


def _are_done(uploads: Sequence[Future[str]], how_many: int) -> bool:
    return sum(upload.done() for upload in uploads) >= how_many
