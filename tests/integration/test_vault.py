"""Secrets from Vault, against a stub that speaks the HTTP of its key-value engine, version 2."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from config import Config, WrongSettings
from tests.fixtures.paths import find_free_port
from veilgate.settings import vault

TOKEN = "hvs.tell-nobody"
SECRETS = {
    "DATABASE_URL": "mysql+pymysql://u:tell-nobody@db/v",
    "JWT_SECRET": "tell-nobody" * 4,
    "OTHER": "x",
}


class VaultStub:
    """Answers one path for one token as Vault does. `status` and `body` make it answer something else; while
    `is_slow` it takes the question and says nothing."""

    token = TOKEN

    def __init__(self) -> None:
        self.status = 0
        self.body: object = None
        self.asked: list[str] = []
        self.is_slow = False
        self._ended = threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.asked.append(self.path)
                if stub.is_slow:
                    stub._ended.wait(10)
                    return
                status, body = stub._answer(self.path, self.headers["X-Vault-Token"])
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Location", f"{stub.address}/v1/secret/data/veilgate")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, path: str, token: str) -> tuple[int, object]:
        if self.status:
            return self.status, self.body
        if token != self.token:
            return 403, {"errors": ["permission denied"]}
        if path != "/v1/secret/data/veilgate":
            return 404, {"errors": []}
        return 200, {"data": {"data": self.body or SECRETS, "metadata": {"version": 3}}}


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[VaultStub]:
    server = VaultStub()
    monkeypatch.setenv("VAULT_ADDR", server.address)
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    monkeypatch.setenv("VAULT_SECRET_PATH", "secret/veilgate")
    monkeypatch.setenv("JWT_ISSUER", "us")
    monkeypatch.setenv("JWT_AUDIENCE", "you")
    yield server
    server.close()


def wrong_lines() -> tuple[str, ...]:
    with pytest.raises(WrongSettings) as wrong:
        Config()
    assert "tell-nobody" not in str(wrong.value)
    return wrong.value.lines


def test_what_nobody_else_gives_is_read_there_once(stub: VaultStub) -> None:
    config = Config()
    assert config.storage.effective_database_url == SECRETS["DATABASE_URL"]
    assert config.access.jwt_secret.get_secret_value() == SECRETS["JWT_SECRET"]
    assert stub.asked == ["/v1/secret/data/veilgate"]
    assert "tell-nobody" not in repr(vars(config))


def test_environment_and_files_win(stub: VaultStub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("mysql+pymysql://u:p@from-file/v")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("JWT_SECRET", "e" * 32)
    config = Config()
    assert config.storage.effective_database_url == "mysql+pymysql://u:p@from-file/v"
    assert config.access.jwt_secret.get_secret_value() == "e" * 32


def test_its_token_may_be_in_a_file(stub: VaultStub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("VAULT_TOKEN_FILE", str(tmp_path / "token"))
    assert Config().storage.effective_database_url == SECRETS["DATABASE_URL"]


def test_what_is_there_is_checked_as_any_setting(stub: VaultStub) -> None:
    stub.body = {"DATABASE_URL": "postgresql://u:tell-nobody@db/v"}
    [line] = wrong_lines()
    assert line.startswith("DATABASE_URL: must begin with")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, {"errors": ["permission denied"]}, "VAULT_TOKEN: Vault does not let it read VAULT_SECRET_PATH"),
        (404, {"errors": []}, "VAULT_SECRET_PATH: Vault has nothing there"),
        (
            404,
            {"data": {"data": None, "metadata": {"deletion_time": "2026"}}},
            "VAULT_SECRET_PATH: Vault has",
        ),
        (503, {"errors": ["Vault is sealed"]}, "VAULT_ADDR: Vault is sealed"),
        (500, {"errors": ["tell-nobody"]}, "VAULT_ADDR: Vault refused (InternalServerError)"),
        (307, {}, "VAULT_ADDR: what answers there is no KV engine of version 2"),
        (200, {"data": {"DATABASE_URL": "tell-nobody"}}, "VAULT_ADDR: what answers there is no KV engine"),
        (200, ["tell-nobody"], "VAULT_ADDR: what answers there is no KV engine"),
        (200, {"data": {"data": {"JWT_SECRET": 7}}}, "VAULT_SECRET_PATH: JWT_SECRET there is no text"),
    ],
)
def test_what_vault_answers_instead_is_said_in_a_line(
    stub: VaultStub, status: int, body: object, said: str
) -> None:
    stub.status, stub.body = status, body
    [line] = wrong_lines()
    assert line.startswith(said)


def test_a_silent_vault_is_not_waited_for_longer(stub: VaultStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "TIMEOUT_S", 0.2)
    stub.is_slow = True
    assert wrong_lines() == ("VAULT_ADDR: Vault did not answer within 0.2 s",)


def test_no_vault_at_all(stub: VaultStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{find_free_port()}")
    assert wrong_lines() == ("VAULT_ADDR: Vault cannot be reached (ConnectionError)",)


@pytest.mark.parametrize("address", ["vault:8200", "no address at all", "http://[half", "ftp://vault"])
def test_an_address_that_is_none(stub: VaultStub, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("VAULT_ADDR", address)
    [line] = wrong_lines()
    assert line.startswith("VAULT_ADDR: ")


def test_production_complains_of_nothing_that_vault_may_hold(
    stub: VaultStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    stub.status = 503
    lines = wrong_lines()
    assert [line.partition(":")[0] for line in lines] == ["VAULT_ADDR", "S3_BUCKET", "VAULT_ADDR"]


@pytest.mark.parametrize("missing", ["VAULT_TOKEN", "VAULT_SECRET_PATH"])
def test_an_address_alone_is_not_enough(
    stub: VaultStub, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    assert wrong_lines() == (f"{missing}: must be set with VAULT_ADDR",)


def test_without_hvac_it_is_said(stub: VaultStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)
    assert wrong_lines() == ("VAULT_ADDR: needs the package hvac; see requirements-extras.txt",)
