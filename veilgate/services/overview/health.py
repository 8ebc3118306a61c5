"""What works and what does not, and since when."""

import time
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

from veilgate.domain import errors
from veilgate.persistence.unit_of_work import Database
from veilgate.persistence.work_in_demand import families_in_demand
from veilgate.services.overview.watched_part import NoAnswer, State, WatchedPart
from veilgate.services.uploads.admission import Admission
from veilgate.services.uploads.disk import Disk
from veilgate.services.uploads.spool import Spool
from veilgate.storage.ports import ObjectStore

Present = dict[str, list[dict[str, Any]]]

# How long an answer takes at most. All parts are asked side by side.
PATIENCE_S = 5.0
# A worker that is there takes a lookup within a second of when it is due.
_OVERDUE_AFTER_MS = 10_000
_HANGS = f"It has not answered for {PATIENCE_S:g} s."
_BROKEN = "It could not be asked."
_NO_WORKER = "No such process is at work; accepted jobs wait for one."
_NO_SEARCH = "No search server is at work: likes cannot be looked for, all else goes on."
_NOT_READY = "No search server has its index ready yet; one that is built says how far it is."

# Without these nothing can be accepted durably, and what is raised when they do not answer.
_NEEDED: dict[str, type[errors.Unavailable]] = {
    "database": errors.DatabaseUnavailable,
    "object_store": errors.ObjectStoreUnavailable,
    "disk": errors.ObjectStoreUnavailable,
}
# Errors that callers met -> the parts that may be to blame. A full disk may be anybody's.
_SUSPECTS: dict[type[errors.VeilgateError], tuple[str, ...]] = {
    errors.DatabaseUnavailable: ("database",),
    errors.ObjectStoreUnavailable: ("object_store",),
    errors.DiskFull: ("disk", "object_store", "database"),
    errors.QueueUnavailable: ("redis",),
    errors.QueueFull: ("queue",),
}


class Health:
    """Knows of each part whether it works: by asking when somebody wants to know, and by errors that others
    met meanwhile, which are looked into at once.

    `look_for_workers` asks Redis who is at work and raises `QueueUnavailable` when it cannot. `looks_up`:
    providers are enabled, so that a lookups worker is missed before a lookup waits for it.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        admission: Admission,
        *,
        spool: Spool,
        disk: Disk,
        look_for_workers: Callable[[], Present],
        looks_up: bool = False,
    ) -> None:
        self._database = database
        self._store = store
        self._admission = admission
        self._spool = spool
        self._disk = disk
        self._free_bytes = 0
        self._look_for_workers = look_for_workers
        self._missed = {"images", "reconciler", "lookups"} if looks_up else {"images", "reconciler"}
        self._in_demand: set[str] = set()
        self._workers: Present = {}
        self._missing_since: dict[str, float] = {}
        questions = {
            "database": database.probe,
            "object_store": self._ask_store,
            "disk": self._ask_disk,
            "redis": self._ask_redis,
            "queue": self._ask_queue,
        }
        self._parts = {name: WatchedPart(name, ask) for name, ask in questions.items()}

    def note(self, error: errors.VeilgateError) -> None:
        """Somebody met this error. Costs nothing and waits for nobody."""
        for name in _SUSPECTS.get(type(error), ()):
            self._parts[name].suspect()

    def check_ready(self) -> None:
        """Raise when this process cannot accept durably. A full queue is no reason: callers are told when to
        come back, and a gateway that nothing is sent to could not even say where a job stands."""
        for name, state in self._ask(_NEEDED).items():
            if isinstance(state.error, NoAnswer):
                raise _NEEDED[name](_HANGS)
            if state.error is not None:
                raise copy(state.error)  # it may be raised in several threads

    def report(self, *, patience_s: float | None = None) -> dict[str, Any]:
        """Every part with its state, `timeout` of those that do not answer within `patience_s`. `degraded`
        still accepts uploads unless /ready says otherwise."""
        states = self._ask(self._parts, patience_s=patience_s)
        parts = {name: _described(state) for name, state in states.items()}
        parts["disk"]["free_bytes"] = self._free_bytes
        if states["database"].error is not None:
            del parts["queue"]  # nothing is known of it
        workers: Present = {"images": [], "lookups": [], "deliveries": [], "reconciler": [], "search": []}
        if states["redis"].error is None:
            workers |= self._workers
            missed = sorted(self._missed | self._in_demand)
            parts |= {f"{family}_worker": self._presence(family, workers) for family in missed}
            parts["search"] = self._search(workers["search"])
        models = [model for worker in workers["images"] for model in worker.get("models", [])]
        healthy = all(part["status"] == "ok" for part in parts.values())
        return {
            "status": "ok" if healthy else "degraded",
            "parts": parts,
            "workers": workers,
            "models": {model["kind"]: model for model in models},
        }

    def close(self) -> None:
        for part in self._parts.values():
            part.close()

    def _ask(self, names: Iterable[str], *, patience_s: float | None = None) -> dict[str, State]:
        until_s = time.monotonic() + (PATIENCE_S if patience_s is None else patience_s)
        asked = {name: self._parts[name].begin() for name in names}
        return {name: self._parts[name].state(asked[name], until_s=until_s) for name in asked}

    def _ask_store(self) -> None:
        """Where uploads are received counts as one with where they are stored."""
        with self._spool.open():
            self._store.check()

    def _ask_disk(self) -> None:
        self._free_bytes = self._disk.free_bytes()
        self._disk.require_room()

    def _ask_queue(self) -> None:
        with self._database.read() as transaction:
            self._in_demand = families_in_demand(transaction.connection, overdue_after_ms=_OVERDUE_AFTER_MS)
        self._admission.check_queue()

    def _ask_redis(self) -> None:
        self._workers = self._look_for_workers()

    def _presence(self, family: str, workers: Present) -> dict[str, Any]:
        return self._missing(family, None if workers[family] else ("no_worker", _NO_WORKER))

    def _search(self, servers: list[dict[str, Any]]) -> dict[str, Any]:
        """Whether any replica can be asked for what the serving model knows."""
        indexes = [index for server in servers for index in server.get("indexes", ())]
        if any(index["ready"] and index["role"] == "serving" for index in indexes):
            return self._missing("search", None)
        lacks = ("index_not_ready", _NOT_READY) if servers else ("search_unavailable", _NO_SEARCH)
        return self._missing("search", lacks)

    def _missing(self, what: str, lacks: tuple[str, str] | None) -> dict[str, Any]:
        """How a part is described that `lacks` something, with its code, or nothing."""
        if lacks is None:
            self._missing_since.pop(what, None)
            return {"status": "ok"}
        return _wrong(*lacks, self._missing_since.setdefault(what, time.time()))


def _described(state: State) -> dict[str, Any]:
    if state.error is None or state.since_s is None:
        return {"status": "ok"}
    if isinstance(state.error, errors.VeilgateError):
        return _wrong(state.error.code, state.error.message, state.since_s)
    if isinstance(state.error, NoAnswer):
        return _wrong("timeout", _HANGS, state.since_s)
    return _wrong("internal", _BROKEN, state.since_s)


def _wrong(code: str, message: str, since_s: float) -> dict[str, Any]:
    return {"status": "wrong", "code": code, "message": message, "since": int(since_s)}
