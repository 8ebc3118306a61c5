"""A whole run at LOG_LEVEL=DEBUG, with everything going wrong at its end: nobody says a secret aloud."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus
from uuid import uuid4

import httpx
import pytest
from redis import Redis

from tests.fixtures.mariadb import RunningMariaDb
from tests.fixtures.object_server import S3Server
from tests.fixtures.private_redis import StartRedis
from tests.fixtures.tcp_proxy import TcpProxy
from tests.integration.api.keys import LockedGateway, key_text
from tests.integration.api.samples import GOOD
from tests.integration.test_vault import VaultStub
from tests.waiting import wait_until


def secret(name: str) -> str:
    """Long and random, with what has to be written otherwise in addresses and in JSON."""
    return f'{name}:{uuid4().hex}/"%'


@dataclass
class Run:
    """What there was to hide, and all that was said."""

    secrets: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def hide(self, name: str, text: str = "") -> str:
        self.secrets[name] = text or secret(name)
        return self.secrets[name]

    def heard(self, answer: httpx.Response) -> httpx.Response:
        where = f"{len(self.said)} {answer.request.method} {answer.request.url.path} {answer.status_code}"
        self.said[where] = answer.text
        return answer

    def leaks(self) -> list[str]:
        return [
            f"{name} in {where}"
            for name, text in self.secrets.items()
            for where, said in self.said.items()
            if any(form in said for form in forms(text))
        ]


def forms(text: str) -> set[str]:
    return {
        text,
        quote(text),
        quote(text, safe=""),
        quote_plus(text),
        json.dumps(text)[1:-1],
        repr(text)[1:-1],
    }


@dataclass
class Wires:
    """What lies between the house and its servers."""

    database: TcpProxy
    redis: TcpProxy
    store: TcpProxy


@pytest.fixture
def wires(mariadb: RunningMariaDb, s3_server: S3Server, start_redis: StartRedis) -> Iterator[Wires]:
    with ExitStack() as stack:

        def wire(target: int | Path) -> TcpProxy:
            return stack.enter_context(closing(TcpProxy(target)))

        yield Wires(wire(mariadb.port), wire(start_redis().folder / "redis.sock"), wire(s3_server.port))


@pytest.fixture
def house(
    tmp_path: Path, mariadb: RunningMariaDb, s3_server: S3Server, wires: Wires, run: Run
) -> Iterator[LockedGateway]:
    settings = {
        "LOG_LEVEL": "DEBUG",
        "DATABASE_URL": _database_with_password(mariadb, wires, run),
        "S3_BUCKET": s3_server.new_bucket(),
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{wires.store.port}",
        "AWS_ACCESS_KEY_ID": run.hide("s3-key-id", uuid4().hex),
        "AWS_SECRET_ACCESS_KEY": run.hide("s3-secret"),
        "AWS_SESSION_TOKEN": run.hide("s3-token", uuid4().hex * 4),
        "JWT_ISSUER": "us",
        "JWT_AUDIENCE": "you",
    }
    stub = VaultStub()
    stub.body = {"JWT_SECRET": run.hide("jwt-secret")}
    vault = {"VAULT_ADDR": stub.address, "VAULT_SECRET_PATH": "secret/veilgate", "VAULT_TOKEN": stub.token}
    run.hide("vault-token", stub.token)
    with ExitStack() as stack:
        stack.callback(stub.close)
        gateway = LockedGateway(tmp_path / "data", _redis_with_password(wires, run), **settings, **vault)
        stack.callback(gateway.close)
        yield gateway


@pytest.fixture
def run() -> Run:
    return Run()


def _database_with_password(mariadb: RunningMariaDb, wires: Wires, run: Run) -> str:
    name, password = mariadb.empty_database(), run.hide("database-password")
    mariadb.execute(
        f"CREATE USER secretive@'127.0.0.1' IDENTIFIED BY '{password}'",
        f"GRANT ALL ON {name}.* TO secretive@'127.0.0.1'",
    )
    return f"mysql+pymysql://secretive:{quote(password, safe='')}@127.0.0.1:{wires.database.port}/{name}"


def _redis_with_password(wires: Wires, run: Run) -> str:
    password = run.hide("redis-password")
    with Redis(host="127.0.0.1", port=wires.redis.port) as client:
        client.config_set("requirepass", password)
    return f"redis://:{quote(password, safe='')}@127.0.0.1:{wires.redis.port}/0"


def test_no_secret_is_seen(house: LockedGateway, wires: Wires, run: Run) -> None:
    key = run.hide("key", key_text(house, "somebody"))
    house.http.headers["Authorization"] = f"Bearer {key}"
    house.start_workers()
    _work(house, run)
    _sign_in(house, run, key)
    _show_wrong_credentials(house, run)
    run.said["the command lines"] = "\n".join(_command_lines(house))
    _lose_everything(house, wires, run)
    _start_wrongly(house, run)
    run.said["the log"] = house.log
    assert "\n".join(run.leaks()) == ""


def _work(house: LockedGateway, run: Run) -> None:
    run.heard(answer := house.upload(GOOD))
    job_id = answer.json()["job_id"]
    assert house.ended(job_id)["status"] == "completed"
    for path in ("/health", "/ready", "/openapi.json", "/stats", f"/jobs/{job_id}/events"):
        assert run.heard(house.http.get(path)).is_success


def _sign_in(house: LockedGateway, run: Run, key: str) -> None:
    with httpx.Client(base_url=house.http.base_url, trust_env=False) as browser:
        opened = browser.post("/session", headers={"Authorization": f"Bearer {key}"})
        assert opened.status_code == 201
        # Its caller is told the token of the session, and nobody else.
        run.hide("csrf-token", opened.json()["csrf_token"])
        run.hide("session", browser.cookies["veilgate_session"])
        assert browser.get("/session").is_success
        assert run.heard(browser.post("/jobs/none/cancel")).status_code == 403


def _show_wrong_credentials(house: LockedGateway, run: Run) -> None:
    wrong = run.hide("wrong-key", f"vg_{uuid4().hex}_{uuid4().hex}")
    ask = httpx.Client(base_url=house.http.base_url, trust_env=False)
    with ask:
        for headers in (
            {"Authorization": f"Bearer {wrong}"},
            {"Authorization": f"Basic {wrong}"},
            {"X-API-Key": wrong},
            {"X-API-Key": house.http.headers["Authorization"].removeprefix("Bearer ")[:-1]},
            {"Cookie": f"veilgate_session={wrong}"},
        ):
            assert run.heard(ask.get("/session", headers=headers)).status_code == 401
        for parameter in ("key", "token", "anything"):
            assert run.heard(ask.get(f"/session?{parameter}={quote(wrong)}")).status_code == 401
            assert run.heard(ask.post(f"/upload?{parameter}={quote(wrong)}")).status_code == 401
        assert run.heard(house.upload(GOOD, blur_style="none")).status_code == 422


def _command_lines(house: LockedGateway) -> Iterator[str]:
    """Of all processes of the house: those that are told where its data is."""
    mark = f"DATA_DIR={house.data_dir}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                yield (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # ended meanwhile, or not ours
            continue


def _lose_everything(house: LockedGateway, wires: Wires, run: Run) -> None:
    for wire, said in (
        (wires.redis, "redis_away"),
        (wires.store, "object_store_unavailable"),
        (wires.database, "database_unavailable"),
    ):
        wire.cut()
        wait_until(lambda said=said: _refused(house, run, said), timeout_s=60, what=said)  # type: ignore[misc]
        run.heard(house.http.get("/health"))
    house.kill()
    house.stop_workers()


def _refused(house: LockedGateway, run: Run, said: str) -> bool:
    return said in run.heard(house.upload(GOOD + uuid4().bytes)).text + house.log


def _start_wrongly(house: LockedGateway, run: Run) -> None:
    """With every server away, and with settings that are none."""
    for command in (("init_database.py",), ("worker.py", "images"), ("-m", "veilgate", "jobs", "list")):
        _hear_the_end(house, run, *command)
    for settings in (
        {"DATABASE_URL": f"mysql://u:{run.hide('wrong-scheme')}@h/d"},
        {"REDIS_URL": f"http://:{run.hide('wrong-redis')}@h"},
        {"JWT_SECRET": run.hide("short-secret", "short-secret"), "PORT": "none"},
        {"VAULT_TOKEN": run.hide("wrong-token")},
    ):
        _hear_the_end(house, run, "init_database.py", **settings)


def _hear_the_end(house: LockedGateway, run: Run, *command: str, **settings: str) -> None:
    ended = house.processes.ask(*command, **settings)
    assert ended.returncode != 0, (command, settings)
    run.said[f"{len(run.said)} {command}"] = ended.stdout + ended.stderr
