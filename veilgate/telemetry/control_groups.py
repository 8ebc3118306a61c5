"""What a container may use and uses, as Linux' control groups have it: version 2, or version 1 beside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Version 1 says "no limit" with the largest number of whole pages.
_NO_LIMIT_BYTES = 1 << 62
_MICROSECOND_S = 1e-6
_NANOSECOND_S = 1e-9


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """`used_bytes` is without the pages of files that nobody has looked at lately: those are given back."""

    limit_bytes: int
    used_bytes: int


@dataclass(frozen=True, slots=True)
class CpuUse:
    cores: float
    busy_s: float


class ControlGroups:
    """Those that a process is in, from its own to the outermost that it sees. None where none of them sets a
    limit; the tightest counts. Inside a container the path that /proc names may not be there: then what is
    mounted is the container's own."""

    def __init__(self, proc: Path, mount: Path) -> None:
        self._mount = mount
        self._path_of = dict(_controllers(proc / "self" / "cgroup"))

    def memory(self) -> MemoryUse | None:
        found = [*self._memory_of_v2(), *self._memory_of_v1()]
        return min(found, key=lambda use: use.limit_bytes, default=None)

    def cpu(self) -> CpuUse | None:
        found = [*self._cpu_of_v2(), *self._cpu_of_v1()]
        return min(found, key=lambda use: use.cores, default=None)

    def _memory_of_v2(self) -> Iterator[MemoryUse]:
        for folder in self._folders(""):
            limit = _text(folder / "memory.max")
            if limit not in {"", "max"}:
                unread = _fields(folder / "memory.stat").get("inactive_file", 0)
                yield MemoryUse(int(limit), max(0, int(_text(folder / "memory.current")) - unread))

    def _memory_of_v1(self) -> Iterator[MemoryUse]:
        for folder in self._folders("memory"):
            limit = int(_text(folder / "memory.limit_in_bytes") or _NO_LIMIT_BYTES)
            if limit < _NO_LIMIT_BYTES:
                unread = _fields(folder / "memory.stat").get("total_inactive_file", 0)
                yield MemoryUse(limit, max(0, int(_text(folder / "memory.usage_in_bytes")) - unread))

    def _cpu_of_v2(self) -> Iterator[CpuUse]:
        for folder in self._folders(""):
            quota, _, period = _text(folder / "cpu.max").partition(" ")
            if quota not in {"", "max"}:
                busy_us = _fields(folder / "cpu.stat")["usage_usec"]
                yield CpuUse(int(quota) / int(period), busy_us * _MICROSECOND_S)

    def _cpu_of_v1(self) -> Iterator[CpuUse]:
        accounts = self._folders("cpuacct")
        for folder, account in zip(self._folders("cpu"), accounts, strict=False):
            quota = int(_text(folder / "cpu.cfs_quota_us") or -1)
            if quota > 0:
                cores = quota / int(_text(folder / "cpu.cfs_period_us"))
                yield CpuUse(cores, int(_text(account / "cpuacct.usage")) * _NANOSECOND_S)

    def _folders(self, controller: str) -> Iterator[Path]:
        """From the process' own to the outermost, as far as they are there; "" is version 2."""
        path = self._path_of.get(controller)
        if path is None:
            return
        top = self._mount / controller
        folder = top / path.lstrip("/")
        while folder != top:
            yield folder
            folder = folder.parent
        yield top


def _controllers(listed: Path) -> Iterator[tuple[str, str]]:
    for line in _text(listed).splitlines():
        _number, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, path


def _fields(file: Path) -> dict[str, int]:
    return {name: int(number) for name, number in (line.split() for line in _text(file).splitlines())}


def _text(file: Path) -> str:
    """Nothing of a file that is not there."""
    try:
        return file.read_text().strip()
    except OSError:
        return ""
