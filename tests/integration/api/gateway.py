"""A gateway as a process of its own, started as in production: `python api_server.py`."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from init_database import migrate
from tests.fixtures.paths import REPOSITORY_ROOT, find_free_port
from tests.waiting import wait_until
from veilgate.persistence.engine import open_engine
from veilgate.persistence.unit_of_work import Database

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0
# What is held below DATA_DIR on the way in and after acceptance.
HELD_FOLDERS = ("incoming", "objects/original", "objects/.incoming")


class Processes:
    """Processes of one DATA_DIR, all with the same settings."""

    def __init__(self, data_dir: Path, redis_url: str, **settings: str) -> None:
        self.data_dir = data_dir
        self._env = {
            **os.environ,
            "DATA_DIR": str(data_dir),
            "REDIS_URL": redis_url,
            "METRICS_PORT": "0",
            "MODEL_FETCH": "false",
            "RECONCILE_INTERVAL_S": "0.2",
            **settings,
        }

    def run(self, *arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], cwd=REPOSITORY_ROOT, env=self._env, check=True)

    def ask(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, whatever that is; its answer as text."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=REPOSITORY_ROOT,
            env={**self._env, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        with (self.data_dir / "processes.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=REPOSITORY_ROOT,
                env={**self._env, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )


class Gateway:
    """One gateway and what it has stored. `http` talks to it; `restart` keeps the port.

    `bucket_keys` lists what is in its bucket, if it has one.
    """

    entry: tuple[str, ...] = ("api_server.py",)

    def __init__(
        self,
        data_dir: Path,
        redis_url: str,
        *,
        bucket_keys: Callable[[], Iterable[str]] = tuple,
        **settings: str,
    ) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir
        self.port = find_free_port()
        # Of the gateway; those who work beside it show their numbers nowhere, unless they are told to.
        self.metrics_port = int(settings.get("METRICS_PORT") or find_free_port())
        self.processes = Processes(data_dir, redis_url, PORT=str(self.port), **settings)
        self._bucket_keys = bucket_keys
        self._engine = open_engine(settings.get("DATABASE_URL") or f"sqlite:///{data_dir / 'veilgate.db'}")
        migrate(self._engine)  # as init_database.py does, without half a second for another process
        self._engine.dispose()
        self.database = Database(self._engine)
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            timeout=30,
            trust_env=False,
            # The gateway closes idle connections after 5 s, as httpx does: who is first would be chance.
            limits=httpx.Limits(keepalive_expiry=2),
        )
        self._workers: list[subprocess.Popen[bytes]] = []
        self.start()

    def start(self) -> None:
        self.process = self.processes.start(*self.entry, METRICS_PORT=str(self.metrics_port))
        wait_until(self._answers, timeout_s=START_TIMEOUT_S, what=f"the gateway\n{self.log[-2000:]}")

    def start_workers(self, *, search: bool = False, lookups: bool = False, deliveries: bool = False) -> None:
        """An images worker, the reconciler, and the others that are wanted; returns when all are at work. A
        lookups worker is missed in a house with providers."""
        wanted: list[tuple[str, ...]] = [("worker.py", "images"), ("worker.py", "reconciler")]
        wanted += [("search_server.py",)] if search else []
        wanted += [("worker.py", "lookups")] if lookups else []
        wanted += [("worker.py", "deliveries")] if deliveries else []
        self._workers += [self.processes.start(*words) for words in wanted]
        spared = set() if search else {"search"}
        wait_until(lambda: self._wrong_parts() <= spared, timeout_s=60, what="workers at work")

    def restart(self) -> None:
        self.kill()
        self.start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)

    def stop_workers(self) -> None:
        """Drained, as by an operator."""
        _end(self._workers)
        self._workers.clear()

    def close(self) -> None:
        self.http.close()
        self._engine.dispose()
        _end([self.process, *self._workers])

    @property
    def log(self) -> str:
        return (self.data_dir / "processes.log").read_text(encoding="utf-8", errors="replace")

    def upload(self, picture: bytes, filename: str = "a.jpg", **options: str) -> httpx.Response:
        return self.http.post("/upload", files={"file": (filename, picture)}, data=options)

    def accepted_job(self, picture: bytes, **options: str) -> str:
        answer = self.upload(picture, **options)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def status(self, job_id: str, **parameters: float) -> dict[str, Any]:
        answer = self.http.get(f"/status/{job_id}", params=parameters)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def ended(self, job_id: str) -> dict[str, Any]:
        """The status document of a job once it has ended."""

        def look() -> dict[str, Any] | None:
            document = self.status(job_id, wait=10)
            return document if document["status"] in {"completed", "failed", "cancelled"} else None

        return wait_until(look, timeout_s=60, what=f"the end of {job_id}")

    def rows(self) -> tuple[int, ...]:
        """How many images, jobs, batches, items and keys are written down."""
        tables = ("processed_images", "jobs", "batches", "batch_items", "idempotency_keys")
        return tuple(self.select(f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in tables)  # noqa: S608

    def select(self, query: str) -> list[dict[str, Any]]:
        """Rows of its database."""
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(query)).mappings()]

    def held_files(self) -> set[str]:
        """Files on their way in, and originals, be they in the folder or in the bucket."""
        held = {f"objects/{key}" for key in self._bucket_keys() if key.startswith("original/")}
        return held | {
            str(path.relative_to(self.data_dir))
            for folder in HELD_FOLDERS
            for path in (self.data_dir / folder).rglob("*")
            if path.is_file()
        }

    def stored(self) -> tuple[object, ...]:
        """All that an upload may leave behind."""
        return (*self.rows(), self.held_files())

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log[-4000:]
        try:
            return self.http.get("/ready").status_code == 200
        except httpx.TransportError:
            return False

    def _wrong_parts(self) -> set[str]:
        parts = self.http.get("/health").json()["parts"]
        return {name for name, part in parts.items() if part["status"] != "ok"}


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(STOP_TIMEOUT_S)
