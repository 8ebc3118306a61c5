"""The processes below one of ours: decode children, and the server that they come from."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Of /proc/PID/stat, counted from behind the name: user and system time, own and of children waited for.
_OWN_TICKS, _WAITED_FOR_TICKS = slice(11, 13), slice(13, 15)


@dataclass(frozen=True, slots=True)
class ChildrenUse:
    cpu_s: float
    memory_bytes: int


class Children:
    """Of the process `pid`, at any depth. Time that they used is never unlearned: what a child has used
    stands with its parent once it was waited for, and with nobody if it was not."""

    def __init__(self, proc: Path, pid: int) -> None:
        self._proc = proc
        self._pid = pid
        self._most_cpu_s = 0.0

    def use(self) -> ChildrenUse:
        """Raises OSError where there is no /proc."""
        ticks, pages = sum(self._ticks(self._pid)[_WAITED_FOR_TICKS]), 0
        for child in self._below(self._pid):
            try:
                used = self._ticks(child)
                pages += int((self._proc / str(child) / "statm").read_text().split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended meanwhile
            ticks += sum(used[_OWN_TICKS]) + sum(used[_WAITED_FOR_TICKS])
        self._most_cpu_s = max(self._most_cpu_s, ticks / _TICKS_PER_S)
        return ChildrenUse(self._most_cpu_s, pages * _PAGE_BYTES)

    def _below(self, pid: int) -> Iterator[int]:
        for child in self._of(pid):
            yield child
            yield from self._below(child)

    def _of(self, pid: int) -> list[int]:
        # By the thread that began them; a thread that has ended has left them to another.
        listed = (self._proc / str(pid) / "task").glob("*/children")
        found = []
        for file in listed:
            try:
                found += [int(child) for child in file.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def _ticks(self, pid: int) -> list[int]:
        # The name stands in brackets and may hold anything, brackets too.
        fields = (self._proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return [int(field) if field.lstrip("-").isdigit() else 0 for field in fields]
