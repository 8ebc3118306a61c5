"""`make soak MINUTES=10`: uploads at half of what the house can do, for minutes, while everybody is killed.

`python -m tests.faults.soak --minutes 10` kills at random; `--quiet` kills nobody and watches how processes
grow. Both end with the oracle and print a table; FAULT_SEED replays the kills.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.faults.cells import MARIADB, random_of
from tests.faults.chaos import Killer, servers_of
from tests.faults.client import Clients
from tests.faults.houses import MariaDbAndS3
from tests.faults.oracle import Expected, Oracle
from tests.faults.rig import Rig, open_rig
from veilgate.cli.private_redis import find_redis_server

_CAPACITY_S = 20.0
_CONNECTIONS = 8
_CLIENTS = 64
_KILL_EVERY_S = 4.0
_WEIGH_EVERY_S = 5.0
# Pools fill and caches settle in the beginning.
_SETTLED = 0.25
_LARGEST_GROWTH = 1.2
# Chance may kill a picture that runs alone many times; that is no fault of the picture's.
_SETTINGS: dict[str, Any] = {"JOB_MAX_ATTEMPTS": "20", "JOB_MAX_DELIVERIES": "1000"}


@dataclass
class Growth:
    """Memory and descriptors of each process over time, in bytes and numbers."""

    resident: dict[str, list[int]] = field(default_factory=dict)
    descriptors: dict[str, list[int]] = field(default_factory=dict)

    def weigh(self, rig: Rig) -> None:
        for name, member in rig.members.items():
            if member.is_alive:
                self.resident.setdefault(name, []).append(member.resident_bytes())
                self.descriptors.setdefault(name, []).append(member.descriptors())

    def table(self) -> tuple[list[str], bool]:
        """A row for each process, first against last, and whether none grew too much."""
        lines, is_good = [], True
        for name in self.resident:
            bytes_before, bytes_after = _ends(self.resident[name])
            before, after = _ends(self.descriptors[name])
            is_good &= bytes_after <= bytes_before * _LARGEST_GROWTH and after <= before * _LARGEST_GROWTH
            lines.append(
                f"| {name} | {bytes_before / 1e6:.0f} → {bytes_after / 1e6:.0f} MB "
                f"({bytes_after / bytes_before - 1:+.0%}), {before:.0f} → {after:.0f} descriptors |"
            )
        return lines, is_good


def _ends(samples: list[int]) -> tuple[float, float]:
    """Medians of the first and the last tenth of what was weighed once things had settled."""
    settled = samples[int(len(samples) * _SETTLED) :]
    tenth = max(1, len(settled) // 10)
    return statistics.median(settled[:tenth]), statistics.median(settled[-tenth:])


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--quiet", action="store_true", help="kill nobody, watch growth")
    given = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vg-soak-")))
        rig = open_rig(MARIADB, folder, stack, **_SETTINGS)
        clients = Clients(rig.port)
        oracle = Oracle(rig, clients)
        oracle.learn()
        per_s = capacity(rig, oracle) / 2
        _say(f"uploads at {per_s:.1f}/s, half of what was measured, for {given.minutes:g} minutes")
        soak = Soak(rig, clients, per_s=per_s, seconds=given.minutes * 60)
        lines = soak.watch_growth() if given.quiet else soak.kill()
        began_s = time.monotonic()
        oracle.check(Expected(any_attempts=True), timeout_s=300, forget=False)
        lines += [f"| all done after the last upload | {time.monotonic() - began_s:.1f} s |"]
        lines += _end_rows(rig, clients, doubled=len(oracle.doubled()))
        sys.stdout.write("\n".join(["| | |", "|---|---|", *_machine(rig), *lines, ""]))
        return 0 if soak.is_good else 1


def capacity(rig: Rig, oracle: Oracle) -> float:
    """Pictures a second from upload to end, when as many come as go."""
    clients = oracle.clients
    began_s = time.monotonic()

    def load() -> None:
        while time.monotonic() - began_s < _CAPACITY_S:
            clients.insist()

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        for _ in range(_CONNECTIONS):
            pool.submit(load)
    ids = list(clients.told.accepted)
    rig.until(lambda: oracle.have_ended(ids), what="the pictures of the capacity test", timeout_s=120)
    per_s = len(ids) / (time.monotonic() - began_s)
    oracle.check()
    return per_s


class Soak:
    """Uploads at an even rate, whatever the house answers; each insists until it is taken."""

    def __init__(self, rig: Rig, clients: Clients, *, per_s: float, seconds: float) -> None:
        self._rig, self._clients = rig, clients
        self._per_s, self._seconds = per_s, seconds
        self._over = threading.Event()
        self.is_good = True

    def kill(self) -> list[str]:
        chance, seed = random_of("soak")
        victims = (*self._rig.members, *servers_of(self._rig))
        killer = Killer(self._rig, chance, victims=victims, every_s=_KILL_EVERY_S)
        with self._uploads():
            killer.rage_until(self._over.is_set)
        kills = ", ".join(f"{name} {number}" for name, number in sorted(killer.kills.items()))
        return [f"| kills (seed {seed}) | {killer.kills.total()}: {kills} |"]

    def watch_growth(self) -> list[str]:
        growth = Growth()
        with self._uploads():
            while not self._over.wait(_WEIGH_EVERY_S):
                growth.weigh(self._rig)
        lines, self.is_good = growth.table()
        return lines

    def _uploads(self) -> "_Uploads":
        return _Uploads(self._clients, self._over, per_s=self._per_s, seconds=self._seconds)


class _Uploads:
    """A thread that begins uploads at an even rate while the block runs; the block waits for all of them."""

    def __init__(self, clients: Clients, over: threading.Event, *, per_s: float, seconds: float) -> None:
        self._clients, self._over = clients, over
        self._per_s, self._seconds = per_s, seconds
        self._pool = ThreadPoolExecutor(_CLIENTS)
        self._begun: list[Future[str]] = []
        self._thread = threading.Thread(target=self._begin_all)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._pool.shutdown()
        for upload in self._begun:
            upload.result()

    def _begin_all(self) -> None:
        began_s = time.monotonic()
        for number in range(int(self._per_s * self._seconds)):
            time.sleep(max(0.0, began_s + number / self._per_s - time.monotonic()))
            self._begun.append(self._pool.submit(self._clients.insist))
        self._over.set()


def _end_rows(rig: Rig, clients: Clients, *, doubled: int) -> list[str]:
    rows = rig.select("SELECT id, status, fence, attempts, created_at_ms, finished_at_ms FROM jobs")
    ours = [row for row in rows if row["id"] in clients.told.accepted]
    waits_s = sorted((row["finished_at_ms"] - row["created_at_ms"]) / 1000 for row in ours)
    completed = sum(row["status"] == "completed" for row in ours)
    return [
        f"| accepted, completed | {len(ours)}, {completed} |",
        f"| lost, doubled | {len(ours) - completed}, {doubled} |",
        f"| started more than once, died running alone | {sum(row['fence'] > 1 for row in ours)}, "
        f"{sum(row['attempts'] for row in ours)} |",
        f"| tries in vain, of all clients | {clients.tries - len(ours)} |",
        f"| from 202 to the end: median, 99 %, longest | {statistics.median(waits_s):.2f} s, "
        f"{waits_s[int(len(waits_s) * 0.99)]:.1f} s, {waits_s[-1]:.1f} s |",
    ]


def _machine(rig: Rig) -> list[str]:
    assert isinstance(rig.house, MariaDbAndS3)
    redis = subprocess.run([find_redis_server(), "--version"], capture_output=True, text=True, check=True)
    [(mariadb,)] = rig.house.mariadb.execute("SELECT version()")
    cores = len(os.sched_getaffinity(0))
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return [
        f"| machine | {cores} cores, {memory_gb:.0f} GB, Python {platform.python_version()} |",
        f"| servers | Redis {redis.stdout.split('v=')[1].split()[0]} (AOF everysec), "
        f"MariaDB {mariadb.split('-')[0]}, moto {version('moto')} as S3 |",
        f"| libraries | rq {version('rq')}, redis-py {version('redis')} |",
    ]


def _say(text: str) -> None:
    sys.stderr.write(f"soak: {text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
