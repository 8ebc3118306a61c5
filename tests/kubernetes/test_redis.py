"""Redis as the StatefulSet starts it: its own script, its own configuration, a real server."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from tests.fixtures.debian import found, why_missing
from tests.fixtures.paths import find_free_port
from tests.kubernetes.manifests import documents, one, quantity, workload
from tests.waiting import wait_until
from veilgate.cli.private_redis import find_redis_server

PASSWORD = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


class Pod:
    """The container's command, with its folders below `folder` and on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = find_free_port()
        self.folder = folder
        (folder / "data").mkdir()
        (folder / "password").write_text(f"{PASSWORD}\n")
        for name, text in one(documents(), "ConfigMap", "redis")["data"].items():
            (folder / name).write_text(self._here(text))
        with (folder / "redis.conf").open("a") as configuration:
            configuration.write(f"bind 127.0.0.1\nport {self.port}\n")
        programs = folder / "bin"
        programs.mkdir()
        (programs / "redis-server").symlink_to(find_redis_server())
        self._env = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
        self.process: subprocess.Popen[bytes] | None = None

    def _here(self, text: str) -> str:
        for path, here in (
            ("/data", self.folder / "data"),
            ("/etc/redis", self.folder),
            ("/run/secrets/redis", self.folder),
        ):
            text = text.replace(path, str(here))
        return text

    def start(self) -> None:
        [container] = workload(documents(), "redis").containers
        command = [self._here(word) for word in container["command"]]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self._env, stdout=log, stderr=log)
        wait_until(self.is_ready, timeout_s=20, what="Redis answers")

    def is_ready(self) -> bool:
        [container] = workload(documents(), "redis").containers
        command = [self._here(word) for word in container["readinessProbe"]["exec"]["command"]]
        env = self._env | {"REDISCLI_HISTFILE": "/dev/null"}
        script = Path(command[1]).read_text().replace("redis-cli", f"{found('redis-cli')} -p {self.port}")
        done = subprocess.run(["sh", "-c", script], env=env, capture_output=True, timeout=20, check=False)
        return done.returncode == 0

    def client(self) -> Redis:
        return Redis(host="127.0.0.1", port=self.port, password=PASSWORD, decode_responses=True)

    def end(self, number: signal.Signals) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    if why := why_missing(("redis-cli",), ("redis-tools",)):
        pytest.skip(why)
    with ExitStack() as stack:
        running = Pod(tmp_path_factory.mktemp("redis"))
        stack.callback(lambda: running.process and running.end(signal.SIGKILL))
        running.start()
        yield running


def test_it_keeps_rather_than_forgets(pod: Pod) -> None:
    with pod.client() as client:
        told = client.config_get("*")
    assert told["maxmemory-policy"] == "noeviction"
    assert (told["appendonly"], told["appendfsync"], told["save"]) == ("yes", "everysec", "")
    [container] = workload(documents(), "redis").containers
    limit = quantity(container["resources"]["limits"]["memory"])
    assert int(told["maxmemory"]) < limit * 0.7, "its log is written anew beside it"


def test_it_asks_for_the_password_and_shows_it_to_nobody(pod: Pod) -> None:
    with socket.create_connection(("127.0.0.1", pod.port), timeout=10) as stranger:
        stranger.sendall(b"PING\r\n")
        assert stranger.recv(256).startswith(b"-NOAUTH")
    assert pod.process
    process = Path(f"/proc/{pod.process.pid}")
    assert PASSWORD.encode() not in process.joinpath("cmdline").read_bytes()
    assert PASSWORD.encode() not in process.joinpath("environ").read_bytes()


def test_what_is_listed_survives_kill_nine_and_a_stop_ends_it(pod: Pod) -> None:
    with pod.client() as client:
        client.rpush("work", "job-1")
    pod.end(signal.SIGKILL)
    pod.start()
    with pod.client() as client:
        assert client.lrange("work", 0, -1) == ["job-1"]
    # The script hands over to the server: a stop reaches it, and not a shell.
    assert pod.end(signal.SIGTERM) == 0
    pod.start()
