"""The machine or container that a process runs in: read when somebody asks."""

import os
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from veilgate.telemetry.children import Children
from veilgate.telemetry.control_groups import ControlGroups
from veilgate.telemetry.readings import (
    CHILDREN_CPU_SECONDS,
    CHILDREN_MEMORY_BYTES,
    CORES,
    CORES_BUSY_SECONDS,
    DISK_BYTES,
    DISK_FREE_BYTES,
    MEMORY_LIMIT_BYTES,
    MEMORY_USED_BYTES,
    Value,
    look_when_asked,
)

_PROC, _CONTROL_GROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_KIB = 1024
# Of a processor's line in /proc/stat. What other guests of the host take is gone, as if it were busy; guests
# of our own stand in the user time already.
_IDLE, _WAITS_FOR_DISK, _STEAL = 3, 4, 7


def tell_of_machine(data_dir: Path) -> None:
    """Show what this process runs on. What this system does not tell is left out."""
    machine = Machine(data_dir)
    for look in (machine.cores, machine.memory, machine.disk, machine.children):
        look_when_asked(partial(_as_far_as_told, look))


class Machine:
    """Cores and memory are of the container where it has a limit, and of the machine where it has none. Whose
    cores is decided once: time that is said to be the machine's now and the container's later would fall."""

    def __init__(self, data_dir: Path, *, proc: Path = _PROC, control_groups: Path = _CONTROL_GROUPS) -> None:
        self._data_dir = data_dir
        self._proc = proc
        self._groups = ControlGroups(proc, control_groups)
        self._children = Children(proc, os.getpid())
        use = self._groups.cpu()
        self._has_own_cores = use is not None and use.cores < len(os.sched_getaffinity(0))

    def cores(self) -> list[Value]:
        """How many this process may use, and for how long they were busy, whoever with."""
        if not self._has_own_cores:
            ours = self._ticks_of_our_cores()
            return [CORES.at(len(ours)), CORES_BUSY_SECONDS.at(sum(ours) / _TICKS_PER_S)]
        use = self._groups.cpu()
        return [] if use is None else [CORES.at(use.cores), CORES_BUSY_SECONDS.at(use.busy_s)]

    def memory(self) -> list[Value]:
        kib = {name: int(rest.split()[0]) for name, rest in self._lines("meminfo", separator=":")}
        limit, used = kib["MemTotal"] * _KIB, (kib["MemTotal"] - kib["MemAvailable"]) * _KIB
        use = self._groups.memory()
        if use is not None and use.limit_bytes < limit:
            limit, used = use.limit_bytes, use.used_bytes
        return [MEMORY_LIMIT_BYTES.at(limit), MEMORY_USED_BYTES.at(used)]

    def disk(self) -> list[Value]:
        folder = self._data_dir.absolute()
        while not folder.exists():
            folder = folder.parent
        disk = shutil.disk_usage(folder)
        return [DISK_FREE_BYTES.at(disk.free), DISK_BYTES.at(disk.total)]

    def children(self) -> list[Value]:
        use = self._children.use()
        return [CHILDREN_CPU_SECONDS.at(use.cpu_s), CHILDREN_MEMORY_BYTES.at(use.memory_bytes)]

    def _ticks_of_our_cores(self) -> list[int]:
        lines = self._lines("stat", separator=" ")
        ours = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        return [_busy_ticks(rest) for name, rest in lines if name in ours]

    def _lines(self, name: str, *, separator: str) -> list[tuple[str, str]]:
        lines = (self._proc / name).read_text().splitlines()
        return [(first, rest) for first, _, rest in (line.partition(separator) for line in lines)]


def _busy_ticks(fields: str) -> int:
    ticks = [int(field) for field in fields.split()[: _STEAL + 1]]
    return sum(ticks) - ticks[_IDLE] - ticks[_WAITS_FOR_DISK]


def _as_far_as_told(look: Callable[[], Iterable[Value]]) -> Iterable[Value]:
    try:
        return look()
    except (OSError, ValueError, LookupError):
        return ()
