"""A run of the whole house at LOG_LEVEL=DEBUG in which everything goes wrong at its end: what there was to
hide, and all that was said."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus
from uuid import uuid4

import httpx

from tests.fixtures.mariadb import RunningMariaDb
from tests.fixtures.object_server import S3Server
from tests.fixtures.odd_server import OddServer
from tests.fixtures.tcp_proxy import TcpProxy
from tests.fixtures.webhook_sink import WebhookSink
from tests.integration.api.keys import LockedGateway
from tests.stubs.serving import Stubs


def secret(name: str) -> str:
    """Long and random, with what has to be written otherwise in addresses and in JSON."""
    return f'{name}:{uuid4().hex}/"%'


@dataclass
class Run:
    """Secrets are said to nobody. What is `private` is said to its owner, and never to the log."""

    secrets: dict[str, str] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    log: str = ""
    # What the log is asked about: the request that a picture came with, and that picture's jobs.
    correlation_id: str = field(default_factory=lambda: f"trail-{uuid4().hex}")
    job_id: str = ""
    lookup_id: str = ""
    failed_id: str = ""

    def hide(self, name: str, text: str = "") -> str:
        self.secrets[name] = text or secret(name)
        return self.secrets[name]

    def keep(self, name: str, text: str = "") -> str:
        self.private[name] = text or f"{name}-{uuid4().hex}"
        return self.private[name]

    def heard(self, answer: httpx.Response) -> httpx.Response:
        where = f"{len(self.said)} {answer.request.method} {answer.request.url.path} {answer.status_code}"
        self.said[where] = answer.text
        return answer

    def leaks(self) -> list[str]:
        said = {**self.said, "the log": self.log}
        secrets = [
            f"{name} in {where}" for where, text in said.items() for name in _shown(self.secrets, text)
        ]
        return secrets + [f"{name} in the log" for name in _shown(self.private, self.log)]

    def lines(self) -> list[str]:
        """Of the log, without what is printed by commands that people type."""
        return [line for line in self.log.splitlines() if line and not line.startswith("veilgate: ")]

    def told(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.lines()]


def _shown(hidden: dict[str, str], text: str) -> Iterator[str]:
    for name, one in hidden.items():
        if any(form in text for form in _forms(one)):
            yield name


def _forms(text: str) -> set[str]:
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


@dataclass
class Outside:
    """What the house talks to that is not its own."""

    stubs: Stubs
    sink: WebhookSink
    web: OddServer

    def settings(self) -> dict[str, str]:
        asks = self.stubs.settings()
        fetch = f"{asks.pop('FETCH_ALLOW')},127.0.0.1:{self.web.port}"
        return {**asks, "FETCH_ALLOW": fetch, "WEBHOOK_ALLOW": f"127.0.0.0/8:{self.sink.port}"}


def settings_with_secrets(
    run: Run, wires: Wires, *, mariadb: RunningMariaDb, s3: S3Server, outside: Outside
) -> dict[str, str]:
    for name, value in outside.stubs.settings().items():
        if name.endswith(("_KEY", "_SECRET")):
            run.hide(name, value)
    return {
        **outside.settings(),
        "LOG_LEVEL": "DEBUG",
        "DATABASE_URL": _database_with_password(mariadb, wires, run),
        "S3_BUCKET": s3.new_bucket(),
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{wires.store.port}",
        "AWS_ACCESS_KEY_ID": run.hide("s3-key-id", uuid4().hex),
        "AWS_SECRET_ACCESS_KEY": run.hide("s3-secret"),
        "AWS_SESSION_TOKEN": run.hide("s3-token", uuid4().hex * 4),
        "JWT_ISSUER": "us",
        "JWT_AUDIENCE": "you",
        "TRUSTED_PROXIES": "127.0.0.1",
        "JOB_MAX_ATTEMPTS": "2",
    }


def _database_with_password(mariadb: RunningMariaDb, wires: Wires, run: Run) -> str:
    name, password = mariadb.empty_database(), run.hide("database-password")
    mariadb.execute(
        f"CREATE USER IF NOT EXISTS secretive@'127.0.0.1' IDENTIFIED BY '{password}'",
        f"GRANT ALL ON {name}.* TO secretive@'127.0.0.1'",
    )
    return f"mysql+pymysql://secretive:{quote(password, safe='')}@127.0.0.1:{wires.database.port}/{name}"


def command_lines(house: LockedGateway) -> Iterator[str]:
    """Of all processes of the house: those that are told where its data is."""
    mark = f"DATA_DIR={house.data_dir}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                yield (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # ended meanwhile, or not ours
            continue
