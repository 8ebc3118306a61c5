"""Looking at processes from outside."""

import os
from pathlib import Path


def runs(pid: int) -> bool:
    """There and not a zombie: in a container without an init nobody reaps orphans."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text()
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # gone in between, or a system without /proc
        return not Path("/proc/self").exists()
    return status.rpartition(")")[2].split()[0] != "Z"


def is_stopped(pid: int) -> bool:
    """Frozen by SIGSTOP."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
