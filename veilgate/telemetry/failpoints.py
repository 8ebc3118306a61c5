"""Places where a test may break this process. Nothing happens at any of them unless FAILPOINTS names it.

FAILPOINTS is a list with commas of `name:action`, each with what narrows it down where that is wanted:
`name[subject]:action@2` breaks at the second time that the place is passed with a subject that begins so
(a job's id, a file's SHA-256). Without `@` every passing breaks.
"""

import ctypes
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from veilgate.domain.errors import ConfigurationError

# Every place, in the order in which a picture comes by.
PLACES = {
    "before_work": "a worker is about to try its face model; it has taken nothing yet",
    "before_rename": "an object is written and has not got its name (local store)",
    "after_put": "an original is stored; no row says so",
    "after_commit": "an upload is committed; no worker and no caller knows",
    "before_reply": "an upload was handed to the dispatcher; its caller has no answer",
    "listed": "jobs are on their lists and not marked as dispatched (gateway and reconciler)",
    "after_take": "a worker moved an id to RQ's hand-over list, a first one or one more",
    "after_rq_claim": "RQ counts jobs as started; the database does not",
    "after_claim": "the database counts jobs as claimed; the engine has not got them",
    "stage_spoke": "a stage of a lookup has spoken; nobody has heard; its subject is the stage",
    "in_infer": "a chunk is about to meet the face model; its subjects are SHA-256 sums",
    "after_result_put": "the copies of a picture are stored; no row points to them",
    "after_pointer": "ends are committed; RQ has not heard",
    "finish": "one more job is about to be finished in RQ; its subject is the job",
    "webhook_sent": "a webhook's receiver has answered; nothing is written down",
    "after_erase": "an image is erased in the database; its files are still there",
    "before_beat": "leases are about to be renewed",
    "reconcile_expired": "expired leases were dealt with",
    "reconcile_swept": "what dead workers held in Redis was brought back",
    "reconcile_dispatched": "due jobs are on their lists and marked",
    "reconcile_tidied": "entries of ended jobs were removed",
    "index_segment_written": "a new segment of an index is on the disk; no manifest names it",
    "index_tail_written": "a snapshot's tail is on the disk; its manifest is not written",
    "index_before_rename": "a snapshot's manifest is written and has not got its name",
    "index_after_rename": "a snapshot is complete; files of the one before are still there",
    "before_index_build": "an index is about to be built from the database",
    "index_applied": "lines of the log are in the index; no snapshot has them",
    "near_duplicates_found": "near-duplicates are known; nothing is written down",
    "reembedded": "pictures were embedded anew; nothing is written down",
    "near_duplicates_written": "near-duplicates are written down, and how far the log was judged",
    "before_switch": "everything is embedded with another model; the one before it still answers",
}

_SPEC = re.compile(r"(\w+)(?:\[([^\]]*)\])?:(\w+)(?:=([\d.]+))?(?:@(\d+))?")


class Broken(RuntimeError):
    """What `raise` raises: like any bug of a library, it is none of ours."""


@dataclass(slots=True)
class _Break:
    subject: str
    action: str
    seconds: float
    at_passing: int | None
    passed: int = 0

    def meet(self, subject: str) -> None:
        if not subject.startswith(self.subject):
            return
        self.passed += 1
        if self.at_passing in {None, self.passed}:
            _ACTIONS[self.action](self.seconds)


_armed: dict[str, list[_Break]] = {}


def arm(spec: str) -> None:
    """Take FAILPOINTS at its word. Raises `ConfigurationError`: one that names nothing would test nothing."""
    _armed.clear()
    for part in filter(None, spec.split(",")):
        match = _SPEC.fullmatch(part.strip())
        if match is None or match[1] not in PLACES or match[3] not in _ACTIONS:
            raise ConfigurationError(f"FAILPOINTS: {part!r} names no place with an action")
        at_passing = int(match[5]) if match[5] else None
        _armed.setdefault(match[1], []).append(
            _Break(match[2] or "", match[3], float(match[4] or 0), at_passing)
        )


def failpoint(name: str, subject: str = "") -> None:
    """Pass the place `name`, about a job or a file."""
    for planned in _armed.get(name, ()):
        planned.meet(subject)


def _signal_myself(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def _raise(error: Exception) -> None:
    raise error


_ACTIONS: dict[str, Callable[[float], object]] = {
    "kill9": lambda _seconds: _signal_myself(signal.SIGKILL),
    "stop": lambda _seconds: _signal_myself(signal.SIGSTOP),
    "segv": lambda _seconds: _signal_myself(signal.SIGSEGV),
    "term": lambda _seconds: _signal_myself(signal.SIGTERM),
    "sleep": time.sleep,
    # Keeps the interpreter's lock, as native code that hangs does.
    "hang": lambda seconds: ctypes.PyDLL(None).sleep(int(seconds)),
    "raise": lambda _seconds: _raise(Broken("a failpoint said so")),
    "oom": lambda _seconds: _raise(Broken("CUDA out of memory. Tried to allocate 2.00 GiB")),
    "device_lost": lambda _seconds: _raise(Broken("CUDA error: unknown error (cudaErrorUnknown)")),
}
