"""What `veilgate up` refuses before it starts anything, and how the command line answers."""

import json
import os
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from veilgate.cli.commands import main
from veilgate.cli.instance_lock import instance_lock
from veilgate.cli.readiness import GatewayAddress
from veilgate.domain.errors import ConfigurationError


def test_taken_port_is_refused_by_name(free_port: int) -> None:
    address = GatewayAddress("127.0.0.1", free_port)
    address.require_free()
    with socket.create_server(("127.0.0.1", free_port)), pytest.raises(ConfigurationError) as caught:
        address.require_free()
    assert f"PORT {free_port}" in caught.value.message
    assert "make run" in caught.value.message


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8"), ("::", "http://[::1]:8"), ("example.test", "http://example.test:8")],
)
def test_wildcard_hosts_are_reached_on_this_machine(host: str, url: str) -> None:
    assert GatewayAddress(host, 8).url == url


def test_second_instance_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with (
        instance_lock(tmp_path, holder="process 17, http://here"),
        pytest.raises(ConfigurationError, match="process 17, http://here"),
        instance_lock(tmp_path, holder="other"),
    ):
        pytest.fail("two instances on one folder")
    with instance_lock(tmp_path, holder="next"):
        assert (tmp_path / "up.lock").read_text() == "next\n"


def test_lock_ends_with_its_process(tmp_path: Path, repository_root: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from veilgate.cli.instance_lock import instance_lock\n"
        "instance_lock(Path(sys.argv[1]), holder='gone').__enter__(); os.kill(os.getpid(), 9)"
    )
    dead = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=repository_root, check=False)
    assert dead.returncode == -9
    with instance_lock(tmp_path, holder="next"):
        pass


class _Gateway(BaseHTTPRequestHandler):
    answers: dict[str, tuple[int, bytes]]

    def do_GET(self) -> None:
        status, body = self.answers[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


@pytest.fixture
def gateway(free_port: int) -> Iterator[GatewayAddress]:
    server = ThreadingHTTPServer(("127.0.0.1", free_port), _Gateway)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield GatewayAddress("127.0.0.1", free_port)
    server.shutdown()
    thread.join()
    server.server_close()


def health(**workers: list[str]) -> tuple[int, bytes]:
    return 200, json.dumps({"status": "ok", "workers": workers}).encode()


@pytest.mark.parametrize(
    ("ready", "healthy", "missing"),
    [
        ((200, b"{}"), health(images=["images-1"]), ""),
        ((200, b"{}"), health(images=[]), "no images worker has reported yet"),
        ((503, b"the database is away"), health(images=["images-1"]), "/ready: the database is away"),
        ((200, b"{}"), (200, b"[]"), "/health: []"),
    ],
)
def test_what_is_missing_is_said(
    gateway: GatewayAddress, ready: tuple[int, bytes], healthy: tuple[int, bytes], missing: str
) -> None:
    _Gateway.answers = {"/ready": ready, "/health": healthy}
    assert gateway.missing() == missing


def test_silent_gateway_is_said(free_port: int) -> None:
    assert "does not answer" in GatewayAddress("127.0.0.1", free_port).missing()


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "up " in capsys.readouterr().out


def test_wrong_setting_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(os.curdir)  # `up` goes to the repository; come back after the test
    monkeypatch.setenv("PORT", "99999999")
    assert main(["up"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("veilgate: these settings are wrong")
    assert "PORT" in said


def test_version_is_the_project_s(capsys: pytest.CaptureFixture[str], repository_root: Path) -> None:
    project = tomllib.loads((repository_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"veilgate {project['version']}\n"
