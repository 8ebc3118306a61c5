"""What works and what does not, and since when."""

import threading
import time
from collections.abc import Callable
from typing import Any

from veilgate.domain.errors import VeilgateError
from veilgate.persistence.unit_of_work import Database
from veilgate.storage.ports import ObjectStore

Present = dict[str, list[dict[str, Any]]]

_NO_WORKER = "No such process is at work; accepted jobs wait for one."


class Health:
    """`look_for_workers` asks Redis who is at work and raises `QueueUnavailable` when it cannot."""

    def __init__(
        self, database: Database, store: ObjectStore, *, look_for_workers: Callable[[], Present]
    ) -> None:
        self._database = database
        self._store = store
        self._look_for_workers = look_for_workers
        self._lock = threading.Lock()
        self._wrong_since: dict[str, int] = {}

    def check_ready(self) -> None:
        """Raise when this process cannot accept durably."""
        self._ask_database()
        self._store.check()

    def report(self) -> dict[str, Any]:
        """Every part with its state. `degraded` still accepts uploads unless /ready says otherwise."""
        workers: Present = {"images": [], "reconciler": []}
        parts = {
            "database": self._probe("database", self._ask_database),
            "object_store": self._probe("object_store", self._store.check),
            "redis": self._probe("redis", lambda: workers.update(self._look_for_workers())),
        }
        if parts["redis"]["status"] == "ok":
            for family in ("images", "reconciler"):
                name = f"{family}_worker"
                is_there = bool(workers[family])
                parts[name] = self._right(name) if is_there else self._wrong(name, "no_worker", _NO_WORKER)
        models = [model for worker in workers["images"] for model in worker.get("models", [])]
        healthy = all(part["status"] == "ok" for part in parts.values())
        return {
            "status": "ok" if healthy else "degraded",
            "parts": parts,
            "workers": workers,
            "models": {model["kind"]: model for model in models},
        }

    def _ask_database(self) -> None:
        with self._database.read() as transaction:
            transaction.now_ms()

    def _probe(self, name: str, probe: Callable[[], None]) -> dict[str, Any]:
        try:
            probe()
        except VeilgateError as error:
            return self._wrong(name, error.code, error.message)
        return self._right(name)

    def _wrong(self, name: str, code: str, message: str) -> dict[str, Any]:
        with self._lock:
            since = self._wrong_since.setdefault(name, int(time.time()))
        return {"status": "wrong", "code": code, "message": message, "since": since}

    def _right(self, name: str) -> dict[str, Any]:
        with self._lock:
            self._wrong_since.pop(name, None)
        return {"status": "ok"}
