"""Kills at random: processes and the servers beneath them, each brought back as a supervisor does."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.faults.houses import MariaDbAndS3
from tests.faults.rig import WORKERS, Rig
from tests.waiting import happens_within

PROCESSES = ("gateway", *WORKERS, "reconciler")
SERVERS = ("redis", "mariadb")


class Killer:
    """Kills one victim after another. In the caller's thread, to which Linux ties the servers' lives."""

    def __init__(self, rig: Rig, chance: random.Random, *, victims: Sequence[str], every_s: float) -> None:
        self.kills: Counter[str] = Counter()
        self._rig, self._chance, self._victims, self._every_s = rig, chance, victims, every_s

    def rage_until(self, is_over: Callable[[], bool]) -> None:
        """Returns when it is over; every server runs again then."""
        while not happens_within(is_over, self._chance.uniform(0.5, 1.5) * self._every_s):
            self._kill(self._chance.choice(self._victims), away_s=self._chance.uniform(0.1, 2.0))

    def _kill(self, victim: str, *, away_s: float) -> None:
        self.kills[victim] += 1
        if victim in SERVERS:
            kill_server(self._rig, victim)
            time.sleep(away_s)  # so long it stays away
            start_server(self._rig, victim)
        else:
            self._rig.members[victim].kill()


def kill_server(rig: Rig, name: str) -> None:
    if name == "redis":
        rig.kill_redis()
    else:
        assert isinstance(rig.house, MariaDbAndS3)
        rig.house.mariadb.kill()


def start_server(rig: Rig, name: str) -> None:
    if name == "redis":
        rig.start_redis()
    else:
        assert isinstance(rig.house, MariaDbAndS3)
        rig.house.mariadb.start()


def servers_of(rig: Rig) -> tuple[str, ...]:
    return SERVERS if isinstance(rig.house, MariaDbAndS3) else ("redis",)


def kill_everything(rig: Rig) -> None:
    """All at once, as far as one processor after another allows; servers too."""
    rig.keep_dead(*PROCESSES)
    for name in servers_of(rig):
        kill_server(rig, name)
