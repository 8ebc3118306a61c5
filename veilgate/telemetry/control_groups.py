"""What a container may use and uses, as Linux' control groups have it: version 2, or version 1 beside it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Group = TypeVar("Group")
Use = TypeVar("Use", "MemoryUse", "CpuUse")

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
        v2 = _those_that_limit(_memory_of_v2, self._folders(""))
        v1 = _those_that_limit(_memory_of_v1, self._folders("memory"))
        return min([*v2, *v1], key=lambda use: use.limit_bytes, default=None)

    def cpu(self) -> CpuUse | None:
        accounts = zip(self._folders("cpu"), self._folders("cpuacct"), strict=False)
        v2 = _those_that_limit(_cpu_of_v2, self._folders(""))
        v1 = _those_that_limit(lambda folders: _cpu_of_v1(*folders), accounts)
        return min([*v2, *v1], key=lambda use: use.cores, default=None)

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


def _those_that_limit(look: Callable[[Group], Use | None], groups: Iterable[Group]) -> Iterator[Use]:
    """What is missing or odd in a group is no limit: systems differ, and work goes on without this."""
    for group in groups:
        with suppress(ValueError, LookupError, ZeroDivisionError):
            if use := look(group):
                yield use


def _memory_of_v2(folder: Path) -> MemoryUse | None:
    if (limit := _text(folder / "memory.max")) == "max":
        return None
    unread = _fields(folder / "memory.stat").get("inactive_file", 0)
    return MemoryUse(int(limit), max(0, int(_text(folder / "memory.current")) - unread))


def _memory_of_v1(folder: Path) -> MemoryUse | None:
    if (limit := int(_text(folder / "memory.limit_in_bytes"))) >= _NO_LIMIT_BYTES:
        return None
    unread = _fields(folder / "memory.stat").get("total_inactive_file", 0)
    return MemoryUse(limit, max(0, int(_text(folder / "memory.usage_in_bytes")) - unread))


def _cpu_of_v2(folder: Path) -> CpuUse | None:
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    if quota == "max":
        return None
    return CpuUse(int(quota) / int(period), _fields(folder / "cpu.stat")["usage_usec"] * _MICROSECOND_S)


def _cpu_of_v1(folder: Path, account: Path) -> CpuUse | None:
    if (quota := int(_text(folder / "cpu.cfs_quota_us"))) <= 0:
        return None
    cores = quota / int(_text(folder / "cpu.cfs_period_us"))
    return CpuUse(cores, int(_text(account / "cpuacct.usage")) * _NANOSECOND_S)


def _controllers(listed: Path) -> Iterator[tuple[str, str]]:
    for line in _text(listed).splitlines():
        _number, _, named = line.partition(":")
        controllers, _, path = named.partition(":")
        for controller in controllers.split(","):
            yield controller, path


def _fields(file: Path) -> dict[str, int]:
    return {name: int(number) for name, number in (line.split() for line in _text(file).splitlines())}


def _text(file: Path) -> str:
    """Nothing of a file that cannot be read."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""
