"""Pods as processes of this machine: commands and environment are those of the manifests, and no others."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.fixtures.object_server import S3Server
from tests.fixtures.paths import REPOSITORY_ROOT, find_free_port
from tests.kubernetes.manifests import Workload, documents, workload

# Addresses that a pod has for itself.
_OWN_ADDRESSES = ("HOST", "SEARCH_HOST", "METRICS_HOST")


class Cluster:
    """What all pods find in their places: secrets, addresses of servers, a disk each."""

    def __init__(self, folder: Path, secrets: Mapping[str, str], s3: S3Server) -> None:
        self.folder = folder
        self._s3 = s3
        self._search_port = find_free_port()
        (folder / "secrets").mkdir()
        for name, secret in secrets.items():
            (folder / "secrets" / name).write_text(secret)

    def pod(self, name: str) -> "Pod":
        found = workload(documents(), name)
        data = self.folder / f"data-{name}"
        data.mkdir(exist_ok=True)
        return Pod(found, self._environment(found, data), self.folder / f"{name}.log")

    def _environment(self, found: Workload, data: Path) -> dict[str, str]:
        given = found.environment(documents())
        secrets = str(self.folder / "secrets")
        given = {name: value.replace("/run/secrets/veilgate", secrets) for name, value in given.items()}
        given |= {"DATA_DIR": str(data), **dict.fromkeys(_OWN_ADDRESSES, "127.0.0.1")}
        given |= {"SEARCH_PORT": str(self._search_port), "PORT": str(find_free_port())}
        given |= {
            "SEARCH_URL": f"http://127.0.0.1:{self._search_port}",
            "METRICS_PORT": str(find_free_port()),
        }
        # Nobody is to be asked for a model by a test.
        given |= {"S3_ENDPOINT_URL": self._s3.endpoint_url, "MODEL_FETCH": "false"}
        if "veilgate-s3" in _secrets_of(found):
            keys = self._s3.settings(given["S3_BUCKET"])
            given |= {name: keys[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return given


class Pod:
    """One container; `start` it, ask it what the probes ask, `end` it as the cluster does."""

    def __init__(self, found: Workload, env: Mapping[str, str], log: Path) -> None:
        self.found = found
        self.env = {"PATH": os.environ["PATH"], "HOME": str(log.parent), **env}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]

    def start(self) -> None:
        [container] = self.found.containers
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                _here(container["command"]), cwd=REPOSITORY_ROOT, env=self.env, stdout=log, stderr=log
            )

    def run(self, timeout_s: float = 60) -> int:
        """To its own end."""
        self.start()
        assert self._process
        return self._process.wait(timeout_s)

    def execute(self, *words: str) -> str:
        """As `kubectl exec` does; what it says."""
        done = subprocess.run(
            _here(words),
            cwd=REPOSITORY_ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def passes(self, probe: str) -> bool:
        """Whether it answers this probe; it must not have ended meanwhile."""
        assert self._process
        assert self._process.poll() is None, (
            f"{self.found.name} ended with {self._process.returncode}: {self.log}"
        )
        [container] = self.found.containers
        if probe not in container:
            return True
        try:
            return httpx.get(self._url(container[probe]["httpGet"]), timeout=10, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def end(self, timeout_s: float) -> int:
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def _url(self, asked: Mapping[str, str]) -> str:
        setting = {"metrics": "METRICS_PORT", "http": "PORT"}[asked["port"]]
        if self.found.name == "search" and asked["port"] == "http":
            setting = "SEARCH_PORT"
        return f"http://127.0.0.1:{self.env[setting]}{asked['path']}"


def _secrets_of(found: Workload) -> set[str]:
    sources = [source for container in found.containers for source in container.get("envFrom", ())]
    return {source["secretRef"]["name"] for source in sources if "secretRef" in source}


def _here(words: "list[str] | tuple[str, ...]") -> list[str]:
    """`python` of an image is its virtual environment's, as this one is ours."""
    program, *arguments = words
    assert program == "python"
    return [sys.executable, *arguments]
