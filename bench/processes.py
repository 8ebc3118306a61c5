"""The processes of a house by role, and the memory they hold."""

import threading
from collections import defaultdict
from pathlib import Path

_EVERY_S = 0.5
_MB = 1024  # kB; what the kernel reports are kB


class MemorySampler:
    """Samples RSS and PSS of everything below a supervisor, until it is left; both in MB by role.

    RSS counts a shared page in every process, PSS divides it among them. A role's RSS is that of its largest
    process, so that pages which decode children share are not counted twice; its PSS is the sum.
    """

    def __init__(self, supervisor_pid: int) -> None:
        self._pid = supervisor_pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self.peak_rss_mb: dict[str, float] = {}
        self.peak_pss_mb: dict[str, float] = {}

    def __enter__(self) -> "MemorySampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stop.wait(_EVERY_S):
            rss_mb, pss_mb = memory_by_role(self._pid)
            for peaks, now in ((self.peak_rss_mb, rss_mb), (self.peak_pss_mb, pss_mb)):
                for role, held_mb in now.items():
                    peaks[role] = max(peaks.get(role, 0), held_mb)


def memory_by_role(supervisor_pid: int) -> tuple[dict[str, float], dict[str, float]]:
    """RSS and PSS now, in MB, of every role below the supervisor."""
    rss_mb: dict[str, float] = defaultdict(float)
    pss_mb: dict[str, float] = defaultdict(float)
    for pid, role in roles(supervisor_pid).items():
        held = _rollup_kb(pid)
        rss_mb[role] = max(rss_mb[role], held.get("Rss", 0) / _MB)
        pss_mb[role] += held.get("Pss", 0) / _MB
    return dict(rss_mb), dict(pss_mb)


def roles(supervisor_pid: int) -> dict[int, str]:
    """Every process below the supervisor."""
    children = _children()
    found: dict[int, str] = {}
    for pid in children[supervisor_pid]:
        role = _role(pid)
        found[pid] = role
        waiting = list(children[pid])
        while waiting:
            below = waiting.pop()
            found[below] = "decode children" if role == "images worker" else role
            waiting += children[below]
    return found


def _role(pid: int) -> str:
    words = _read(pid, "cmdline").replace("\0", " ")
    names = {
        "api_server.py": "gateway",
        "worker.py images": "images worker",
        "worker.py reconciler": "reconciler",
        "redis-server": "redis",
    }
    return next((role for word, role in names.items() if word in words), "other")


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _read(int(entry.name), "stat")):
            children[int(stat.rpartition(")")[2].split()[1])].append(int(entry.name))
    return children


def _rollup_kb(pid: int) -> dict[str, int]:
    lines = (line.split() for line in _read(pid, "smaps_rollup").splitlines()[1:])
    return {words[0].rstrip(":"): int(words[1]) for words in lines}


def _read(pid: int, name: str) -> str:
    """Empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""
