"""What a process runs on: from made-up systems, whose numbers are known, and from this one."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import wait_until
from veilgate.telemetry.machine import Machine
from veilgate.telemetry.readings import Value
from veilgate.telemetry.usable_cores import usable_cores

GB = 1_000_000_000
NO_LIMIT_OF_V1 = "9223372036854771712"
MEMINFO = "MemTotal: 16000000 kB\nMemFree: 1000 kB\nMemAvailable: 12000000 kB\nHugePages_Total: 0\n"
# User, nice, system, idle, waiting for a disk, interrupts twice, steal, guests twice.
CORE = "100 10 50 9000 700 3 2 35 100 10"
BUSY_S = (100 + 10 + 50 + 3 + 2 + 35) / os.sysconf("SC_CLK_TCK")


class System:
    """A /proc and a /sys/fs/cgroup of a test."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.groups = folder / "proc", folder / "cgroup"
        self.write(self.proc, {"meminfo": MEMINFO, "self/cgroup": ""})
        cores = "".join(f"cpu{number} {CORE}\n" for number in os.sched_getaffinity(0))
        self.write(self.proc, {"stat": f"cpu 9 9 9 9 9 9 9 9 9 9\n{cores}cpu9999 {CORE}\nintr 5 5\n"})
        self.machine = Machine(folder, proc=self.proc, control_groups=self.groups)

    def write(self, below: Path, files: Mapping[str, str]) -> None:
        for name, content in files.items():
            (below / name).parent.mkdir(parents=True, exist_ok=True)
            (below / name).write_text(content)

    def in_group(self, listed: str, files: Mapping[str, str]) -> "System":
        """The same system, with the process in control groups."""
        self.write(self.proc, {"self/cgroup": listed})
        self.write(self.groups, files)
        self.machine = Machine(self.proc.parent, proc=self.proc, control_groups=self.groups)
        return self


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def numbers(values: list[Value]) -> list[float]:
    return [value.value for value in values]


def test_a_machine_without_limits_is_shown_whole(system: System) -> None:
    ours = len(os.sched_getaffinity(0))
    assert numbers(system.machine.memory()) == [16_000_000 * 1024, 4_000_000 * 1024]
    cores, busy_s = numbers(system.machine.cores())
    assert cores == ours
    assert busy_s == pytest.approx(ours * BUSY_S), "no other core counts, and no idle time"
    assert usable_cores(system.proc, system.groups) == ours


def test_a_container_is_shown_as_its_limits_have_it(system: System) -> None:
    limits = {
        "memory.max": f"{GB}\n",
        "memory.current": "700000000\n",
        "memory.stat": "anon 5\ninactive_file 200000000\nactive_file 7\n",
        "cpu.max": "50000 100000\n",
        "cpu.stat": "usage_usec 12500000\nuser_usec 1\n",
    }
    system.in_group("0::/\n", limits)
    assert numbers(system.machine.memory()) == [GB, 500_000_000]
    assert numbers(system.machine.cores()) == [0.5, 12.5]
    assert usable_cores(system.proc, system.groups) == 1


def test_the_tightest_limit_above_a_process_counts(system: System) -> None:
    use = {"memory.current": "10", "memory.stat": ""}
    wide = {f"slice/house/{name}": text for name, text in {"memory.max": "max", **use}.items()}
    tight = {f"slice/{name}": text for name, text in {"memory.max": f"{2 * GB}", **use}.items()}
    top = {"memory.max": f"{3 * GB}", **use}
    system.in_group("0::/slice/house\n", {**wide, **tight, **top})
    assert numbers(system.machine.memory()) == [2 * GB, 10]


def test_version_1_says_the_same_in_other_words(system: System) -> None:
    """And inside a container names a path that is not there."""
    limits = {
        "memory/memory.limit_in_bytes": f"{GB}\n",
        "memory/memory.usage_in_bytes": "700000000\n",
        "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 200000000\n",
        "cpu/cpu.cfs_quota_us": "50000\n",
        "cpu/cpu.cfs_period_us": "100000\n",
        "cpuacct/cpuacct.usage": "12500000000\n",
    }
    system.in_group("4:memory:/docker/a1\n2:cpu,cpuacct:/docker/a1\n1:name=systemd:/a:b\n", limits)
    assert numbers(system.machine.memory()) == [GB, 500_000_000]
    assert numbers(system.machine.cores()) == [0.5, 12.5]


def test_what_limits_nothing_is_no_limit(system: System) -> None:
    ours = len(os.sched_getaffinity(0))
    limits = {
        "memory/memory.limit_in_bytes": NO_LIMIT_OF_V1,
        "cpu/cpu.cfs_quota_us": "-1",
        "memory.max": f"{999 * GB}",
        "memory.current": "1",
        "cpu.max": f"{ours * 200_000} 100000",
        "cpu.stat": "usage_usec 1",
    }
    system.in_group("4:memory:/\n2:cpu,cpuacct:/\n0::/\n", limits)
    assert numbers(system.machine.memory())[0] == 16_000_000 * 1024
    assert numbers(system.machine.cores())[0] == ours
    assert usable_cores(system.proc, system.groups) == ours


@pytest.mark.parametrize(
    ("listed", "files"),
    [
        ("0::/\n", {"cpu.max": "50000 100000", "memory.max": "1000", "memory.current": "5"}),
        ("0::/\n", {"cpu.max": "50000", "cpu.stat": "usage_usec 1"}),
        ("0::/\n", {"cpu.max": "50000 0", "cpu.stat": "usage_usec 1"}),
        ("0::/\n", {"cpu.max": "50000 100000", "cpu.stat": "usage_usec much"}),
        ("0::/\n", {"memory.max": "1000", "memory.stat": "three words here"}),
        ("4:cpu:/\n5:cpuacct:/\n", {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": "1000"}),
        ("garbage\n", {}),
        ("4:cpu\n", {"cpu/cpu.cfs_quota_us": "50000"}),
    ],
)
def test_what_is_incomplete_or_odd_is_no_limit(system: System, listed: str, files: dict[str, str]) -> None:
    """A worker asks for its cores when it starts, and must start."""
    ours = len(os.sched_getaffinity(0))
    system.in_group(listed, files)
    assert usable_cores(system.proc, system.groups) == ours
    assert numbers(system.machine.cores()) == [ours, pytest.approx(ours * BUSY_S)]
    assert len(numbers(system.machine.memory())) == 2


def test_busy_time_is_of_the_same_cores_for_as_long_as_a_process_runs(system: System) -> None:
    limit = {"cpu.max": "50000 100000", "cpu.stat": "usage_usec 12500000"}
    system.in_group("0::/\n", {"cpu.max": "max 100000"})
    before = numbers(system.machine.cores())
    system.write(system.groups, limit)
    assert numbers(system.machine.cores()) == before
    system.in_group("0::/\n", limit)
    assert numbers(system.machine.cores()) == [0.5, 12.5]
    system.write(system.groups, {"cpu.max": "max 100000"})
    assert numbers(system.machine.cores()) == [], "nothing, and not the machine's"


def test_the_disk_is_that_of_a_folder_that_may_not_be_there_yet(tmp_path: Path) -> None:
    there, not_yet = Machine(tmp_path), Machine(tmp_path / "data" / "below")
    free, whole = numbers(not_yet.disk())
    assert whole == numbers(there.disk())[1]
    assert 0 < free <= whole


def test_children_at_any_depth_and_those_that_were_waited_for(system: System) -> None:
    """A name may hold brackets and spaces. What a child has used is known when it has gone, too."""
    us, ticks_per_s = os.getpid(), os.sysconf("SC_CLK_TCK")

    def stat(pid: int, own: int, waited_for: int) -> dict[str, str]:
        fields = f"S 1 1 1 0 -1 4194560 0 0 0 0 {own} {own} {waited_for} {waited_for} 20 0 1 0 5 6 7"
        return {f"{pid}/stat": f"{pid} (a b) S (c) {fields}\n", f"{pid}/statm": "500 25 3 1 0 4 0\n"}

    system.write(system.proc, {f"{us}/task/1/children": "", f"{us}/task/2/children": "71 \n"})
    system.write(system.proc, {**stat(us, 9999, 50), **stat(71, 100, 200), **stat(72, 300, 0)})
    system.write(system.proc, {"71/task/71/children": "72 73 \n"})  # 73 has just gone
    used = 2 * (50 + 100 + 200 + 300) / ticks_per_s
    assert numbers(system.machine.children()) == [used, 2 * 25 * os.sysconf("SC_PAGE_SIZE")]
    system.write(system.proc, {f"{us}/task/2/children": ""})
    assert numbers(system.machine.children()) == [used, 0], "it never falls"


@contextmanager
def busy_child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        try:
            yield child
        finally:
            child.kill()


def test_this_machine_is_read_as_it_is(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    cores, busy_s = numbers(machine.cores())
    limit, used = numbers(machine.memory())
    before_s, _ = numbers(machine.children())
    assert 0 < cores <= (os.cpu_count() or 0)
    assert 0 < used < limit
    with busy_child():
        wait_until(
            lambda: numbers(machine.children())[0] > before_s + 0.1, timeout_s=20, what="time of a child"
        )
        assert numbers(machine.children())[1] > 1_000_000
        assert numbers(machine.cores())[1] > busy_s
    assert numbers(machine.children())[0] > before_s + 0.1, "it was waited for"


def test_a_system_without_proc_says_nothing_of_what_stands_there(tmp_path: Path) -> None:
    """What `tell_of_machine` leaves out: no number, and no line in the log at every look."""
    nowhere = Machine(tmp_path, proc=tmp_path / "proc", control_groups=tmp_path / "cgroup")
    for look in (nowhere.cores, nowhere.memory, nowhere.children):
        with pytest.raises(OSError, match="proc"):
            look()
    assert len(nowhere.disk()) == 2
