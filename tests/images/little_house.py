"""The processes of docker-compose.yml, each from its own image."""

import subprocess
from pathlib import Path

import httpx

from tests.containers.compose import Compose
from tests.fixtures.paths import find_free_port
from tests.images.image_folder import DOCKERFILE, ImageFolder
from tests.waiting import wait_until

_START_TIMEOUT_S = 60
# All that docker-compose.yml starts of ours, but for what needs a GPU.
SERVICES = ("gateway", "images-worker", "lookups-worker", "deliveries", "reconciler", "search")


class LittleHouse:
    """With SQLite and a folder in place of the servers. `processes` and `logs` by service."""

    def __init__(self, images: dict[str, ImageFolder], folder: Path, redis_url: str) -> None:
        self._images, self._folder = images, folder
        self.port = find_free_port()
        search_port = find_free_port()
        self.metrics_ports = {name: find_free_port() for name in SERVICES}
        self.settings = {
            "DATA_DIR": str(folder),
            "REDIS_URL": redis_url,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "METRICS_HOST": "127.0.0.1",
            "SEARCH_URL": f"http://127.0.0.1:{search_port}",
            "SEARCH_HOST": "127.0.0.1",
            "SEARCH_PORT": str(search_port),
            "ALLOW_ANONYMOUS": "1",
            "MODEL_FETCH": "false",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30, trust_env=False)

    def start(self) -> None:
        """Returns when every process has work."""
        compose = Compose("docker-compose.yml")
        python, *words = compose.services["migrate"]["command"]
        done = self._images["gateway"].run(*words, **self.settings)
        assert (python, done.returncode) == ("python", 0), done.stderr
        for name in SERVICES:
            service = compose.services[name]
            image = service["build"]["target"]
            _, *words = service.get("command") or DOCKERFILE.last(image, "CMD").words
            own = {"METRICS_PORT": str(self.metrics_ports[name]), "WORKER_ID": name}
            self.processes[name] = self._images[image].start(
                *words, log=self.log(name), **self.settings, **own
            )
        wait_until(self._is_well, timeout_s=_START_TIMEOUT_S, what="every process at work", poll_s=0.1)

    def log(self, name: str) -> Path:
        return self._folder.parent / f"{self._folder.name}-{name}.log"

    def is_asked(self, name: str, address: str = "") -> int:
        """The exit code of the image's HEALTHCHECK."""
        health = DOCKERFILE.last(name, "HEALTHCHECK").text
        assert '"python", "-m", "containers.healthy"' in health
        port = {"METRICS_PORT": str(self.metrics_ports["gateway"])}
        words = [address] if address else []
        return self._images[name].run("-m", "containers.healthy", *words, **port).returncode

    def stop(self) -> dict[str, int]:
        """The exit code of each after a request to end."""
        for process in self.processes.values():
            process.terminate()
        return {name: process.wait(40) for name, process in self.processes.items()}

    def kill(self) -> None:
        self.http.close()
        for process in self.processes.values():
            process.kill()
            process.wait(10)

    def _is_well(self) -> bool:
        for name, process in self.processes.items():
            said = self.log(name).read_text(encoding="utf-8", errors="replace")
            assert process.poll() is None, f"{name}: {said[-3000:]}"
        try:
            parts = self.http.get("/health").json()["parts"]
        except httpx.TransportError:
            return False
        missed = {name for name, part in parts.items() if part["status"] != "ok"}
        ready = all(
            "worker.ready" in self.log(name).read_text(encoding="utf-8")
            for name in ("lookups-worker", "deliveries")
        )
        return not missed and ready
