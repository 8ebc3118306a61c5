"""Single servers for the load to ask: our gateway without workers, and the bare ones; one process each."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from bench.house import free_port
from bench.workplace import ROOT
from veilgate.cli.child import Child
from veilgate.cli.private_redis import PrivateRedis

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 30.0


class Server:
    """A started process that answers HTTP on `port`; ended by the stack that it was given."""

    def __init__(
        self,
        words: list[str],
        settings: Mapping[str, str],
        stack: ExitStack,
        *,
        port: int,
        start_timeout_s: float = _START_TIMEOUT_S,
    ) -> None:
        self.port = port
        self.settings = settings
        self.database_url = settings.get("DATABASE_URL") or _sqlite_url(settings)
        self.log = Path(settings["BENCH_FOLDER"]) / f"server-{port}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env={**os.environ, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        stack.callback(self._end)
        self._wait_until_it_answers(start_timeout_s)

    def _wait_until_it_answers(self, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"no server:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            return error.code == 404  # a bare server, which has no such route
        except OSError:
            return False

    def _end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def bare_server(name: str, folder: Path, stack: ExitStack, **settings: str) -> Server:
    """One of bench/baselines."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    words = ["-m", "bench.baselines", name, str(port)]
    return Server(words, {"BENCH_FOLDER": str(folder), **settings}, stack, port=port)


def gateway_server(folder: Path, stack: ExitStack, **settings: str) -> Server:
    """`python api_server.py` on a migrated database, with a Redis of its own, and nobody who works."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    env = gateway_settings(folder) | {"PORT": str(port)} | settings
    redis = PrivateRedis(Path(f"/tmp/vg-bench-{os.getpid()}-{port}.sock"), folder=folder / "redis")  # noqa: S108
    child = Child(redis.spec(os.environ), cwd=folder)
    stack.callback(redis.socket_path.unlink, missing_ok=True)
    stack.callback(child.kill)
    env["REDIS_URL"] = f"unix://{redis.socket_path}"
    while not redis.answers():
        time.sleep(0.05)
    subprocess.run([sys.executable, "init_database.py"], cwd=ROOT, env={**os.environ, **env}, check=True)
    return Server(["api_server.py"], env, stack, port=port)


def _sqlite_url(settings: Mapping[str, str]) -> str:
    return f"sqlite:///{Path(settings.get('DATA_DIR', '.')).resolve() / 'veilgate.db'}"


def gateway_settings(folder: Path) -> dict[str, str]:
    return {
        "BENCH_FOLDER": str(folder),
        "DATA_DIR": str(folder / "data"),
        "MAX_QUEUE_SIZE": "100000000",
        "METRICS_PORT": "0",
        "MODEL_FETCH": "false",
    }
