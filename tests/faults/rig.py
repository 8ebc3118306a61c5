"""The rig: a house of real processes on private servers, in which anything can be broken on purpose.

A gateway, two images workers with the stand-in face model, a reconciler and a search server; each reaches
Redis and the database by a wire of its own. A thread does what a supervisor does: whoever died is started
again, without its failpoints, unless the test takes the member into its own hands.
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import httpx
from redis import Redis
from sqlalchemy import text

from tests.faults.houses import House, open_house, wire_to
from tests.faults.members import Member
from tests.fixtures.paths import REPOSITORY_ROOT, find_free_port
from tests.fixtures.private_redis import RunningRedis
from tests.fixtures.tcp_proxy import TcpProxy
from tests.waiting import wait_until
from veilgate.persistence.engine import open_engine

Found = TypeVar("Found")
LEASE_S = 2.0
_POLL_S = 0.03
_RESTART_PAUSE_S = 0.1
_READY_TIMEOUT_S = 60.0
_SETTINGS = {
    "FACE_DETECTION_MODEL_PATH": "fake",  # 50 ms a chunk
    # Not here and not fetched: with no network to load, a worker is back a second sooner, hundreds of times.
    "VEHICLE_DETECTION_MODEL_PATH": "fastestdet",
    "MODEL_FETCH": "false",
    "JOB_LEASE_S": f"{LEASE_S:g}",
    "JOB_TIMEOUT_S": "6",
    "RECONCILE_INTERVAL_S": "0.3",
    "MAX_JOBS_IN_FLIGHT": "8",
    "DECODE_CHILDREN": "1",
    "LOG_LEVEL": "INFO",
    "METRICS_PORT": "0",
}
WORKERS = ("worker-1", "worker-2")


class Rig:
    """`members`, `redis` and `house` are what can be broken; `wires[member]` leads that member to Redis and
    `database_wires[member]` to the database server, if there is one."""

    def __init__(
        self, data_dir: Path, house: House, stack: ExitStack, *, lookups: bool = False, **settings: str
    ) -> None:
        self.data_dir, self.house, self._stack = data_dir, house, stack
        self.port = find_free_port()
        self.redis = RunningRedis(_short_folder(stack), keep=True)
        self._redis_is_dead = False
        stack.callback(self.redis.kill)
        self.redis_client = Redis.from_url(self.redis.url)
        stack.callback(self.redis_client.close)
        self._engine = open_engine(house.database_url)
        stack.callback(self._engine.dispose)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30, trust_env=False)
        stack.callback(self.http.close)
        self.wires: dict[str, TcpProxy] = {}
        self.database_wires: dict[str, TcpProxy] = {}
        self._shared = {
            **_SETTINGS,
            "DATA_DIR": str(data_dir),
            "REDIS_URL": self.redis.url,
            **house.settings(None),
            **settings,
        }
        if lookups:  # vendors fetch the picture from here
            self._shared["PUBLIC_BASE_URL"] = f"http://127.0.0.1:{self.port}"
        self._run("init_database.py")
        self.members = {
            "gateway": self._member("gateway", "api_server.py", PORT=str(self.port)),
            **{name: self._member(name, "worker.py", "images") for name in WORKERS},
            "reconciler": self._member("reconciler", "worker.py", "reconciler"),
            "search": self._member("search", "search_server.py"),
        }
        if lookups:
            self.members["lookups"] = self._member("lookups", "worker.py", "lookups")
        # Those that nobody starts again.
        self.hands_off: set[str] = set()
        # Lives with failpoints or settings of their own, which end when the rig is mended.
        self._unlike: dict[str, int] = {}
        self._begun_life: dict[str, int] = {}
        # Settings of every life that a member begins until then.
        self._lasting: dict[str, dict[str, str]] = {}
        self._turn = threading.RLock()
        self._closing = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        stack.callback(self._end_all)

    # --- whole-house control

    def start(self) -> None:
        """Start whoever does not run, and wait until all are at work."""
        for member in self.members.values():
            member.start()
        if not self._supervisor.is_alive():
            self._supervisor.start()
        self.until(self.is_healthy, what="the whole house at work", timeout_s=_READY_TIMEOUT_S)

    def mend(self) -> None:
        """Undo every fault: wires, servers, failpoints (by starting their processes anew)."""
        for wire in (*self.wires.values(), *self.database_wires.values()):
            wire.mend()
        self.house.mend()
        self.start_redis()
        with self._turn:
            self.hands_off.clear()
            for name, pid in self._unlike.items():
                if self.members[name].is_alive and self.members[name].pid == pid:
                    self.members[name].kill()
            self._unlike.clear()
            for name in self._lasting:
                self.members[name].kill()
            self._lasting.clear()
        self.start()

    def until(self, condition: Callable[[], Found | None], *, what: str, timeout_s: float = 30.0) -> Found:
        """The first true value of `condition`."""
        try:
            return wait_until(condition, timeout_s=timeout_s, what=what, poll_s=_POLL_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log[-3000:]}") from None

    def restart(self, name: str, *, failpoints: str = "", **settings: str) -> None:
        """End a member in order and start it with these failpoints; returns when it is at work."""
        with self._turn:
            self.members[name].terminate()
            self.begin(name, failpoints=failpoints, **settings)
        self.until(lambda: self.is_at_work(name), what=f"{name} at work", timeout_s=_READY_TIMEOUT_S)

    def begin(self, name: str, *, failpoints: str = "", **settings: str) -> None:
        """Start a member that is dead with these failpoints; does not wait for it."""
        with self._turn:
            self.members[name].start(FAILPOINTS=failpoints, **settings)
            self._unlike[name] = self.members[name].pid
            self._begun_life[name] = len(self.members[name].ends)

    def curse(self, name: str, *, failpoints: str = "", **settings: str) -> None:
        """End a member in order. All its lives from now on have these failpoints, until the rig is mended."""
        with self._turn:
            self._lasting[name] = {"FAILPOINTS": failpoints, **settings}
            self.members[name].terminate()

    def keep_dead(self, *names: str) -> None:
        """Kill members, and leave them dead until the rig is mended."""
        with self._turn:
            self.hands_off |= set(names)
            for name in names:
                self.members[name].kill()

    def end_of(self, name: str, *, timeout_s: float = 20.0) -> int:
        """Wait until the life that was begun last ends by itself; its exit code. It may have ended by now,
        and its successor may be at work."""
        return self.members[name].wait_for_end(self._begun_life[name], timeout_s=timeout_s)

    def _supervise(self) -> None:
        while not self._closing.wait(_RESTART_PAUSE_S):
            for name, member in self.members.items():
                with self._turn:
                    if name not in self.hands_off and not self._closing.is_set():
                        member.start(**self._lasting.get(name, {}))

    def kill_redis(self) -> None:
        self.redis.kill()
        self._redis_is_dead = True

    def start_redis(self) -> None:
        """Unless it runs. What its log of commands holds is there again."""
        if self._redis_is_dead:
            self.redis.start()
            self._redis_is_dead = False

    # --- looking

    def is_healthy(self) -> bool:
        return self.is_at_work("gateway") and all(self.is_at_work(name) for name in self.members)

    def is_at_work(self, name: str) -> bool:
        """The gateway answers; a worker has said that it is there, in this life."""
        member = self.members[name]
        if not member.is_alive:
            return False
        if name == "gateway":
            return self.get("/ready") is not None
        family = name if name in {"reconciler", "search", "lookups"} else "images"
        present = self.redis_client.get(f"veilgate:present:{family}:{name}")
        return present is not None and f'"pid": {member.pid}'.encode() in present

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON of a 200, else None."""
        try:
            answer = self.http.get(path, params=parameters)
        except httpx.TransportError:
            return None
        return answer.json() if answer.status_code == httpx.codes.OK else None

    def select(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of the database, past every wire."""
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(query), values).mappings()]

    def execute(self, statement: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(text(statement), values)

    @property
    def log(self) -> str:
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    # --- making

    def _member(self, name: str, *words: str, **settings: str) -> Member:
        env = {**self._shared, "WORKER_ID": name, **settings}
        wire = TcpProxy(Path(self.redis.url.removeprefix("unix://")))
        self._stack.callback(wire.close)
        self.wires[name] = wire
        env["REDIS_URL"] = f"redis://127.0.0.1:{wire.port}/0"
        if database_wire := wire_to(self.house, self._stack):
            self.database_wires[name] = database_wire
            env |= self.house.settings(database_wire.port)
        return Member(name, words, env, log=self._log_path)

    def another(self, name: str, *words: str, **settings: str) -> Member:
        """One more process of the house, on wires of its own. Whoever asked for it starts it; it ends with
        the rig."""
        member = self._member(name, *words, **settings)
        self._stack.callback(member.kill)
        return member

    @property
    def _log_path(self) -> Path:
        return self.data_dir / "processes.log"

    def command(self, *words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """One of the house's programs, run to its end."""
        return subprocess.run(
            [sys.executable, *words],
            cwd=REPOSITORY_ROOT,
            env={**os.environ, **self._shared, **settings},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def _run(self, *words: str) -> None:
        done = self.command(*words)
        assert done.returncode == 0, done.stdout + done.stderr

    def _end_all(self) -> None:
        self._closing.set()
        with self._turn:
            for member in self.members.values():
                member.kill()
        if self._supervisor.is_alive():
            self._supervisor.join()


def open_rig(
    house_name: str, folder: Path, stack: ExitStack, *, lookups: bool = False, **settings: str
) -> Rig:
    """A whole house at work, which ends with the stack; with a lookups worker for cells that need one."""
    data_dir = folder / "data"
    data_dir.mkdir()
    rig = Rig(data_dir, open_house(house_name, data_dir, stack), stack, lookups=lookups, **settings)
    rig.start()
    return rig


def _short_folder(stack: ExitStack) -> Path:
    # Not tmp_path: pytest's folders are longer than the 104 bytes a socket path may have.
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vg-")))
