"""How many threads of work are worth having."""

import math
import os
from pathlib import Path

from veilgate.telemetry.control_groups import ControlGroups


def usable_cores(proc: Path = Path("/proc"), control_groups: Path = Path("/sys/fs/cgroup")) -> int:
    """The cores that this process is bound to, and no more than its container's share of time is worth: on a
    machine of 64 cores, a container that may use two is stopped over and over if 64 threads want to run."""
    bound = len(os.sched_getaffinity(0))
    use = ControlGroups(proc, control_groups).cpu()
    return bound if use is None else max(1, min(bound, math.ceil(use.cores)))
