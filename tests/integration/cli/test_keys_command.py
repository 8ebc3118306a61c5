"""`veilgate keys` and `veilgate audit`, as an operator uses them."""

import json
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.gateway import Processes
from veilgate.cli import commands
from veilgate.domain.access import Scope
from veilgate.persistence.engine import open_engine
from veilgate.persistence.unit_of_work import Database
from veilgate.services.access.access import Access

NO_REDIS = "unix:///nowhere/redis.sock"
KEY = re.compile(r"vg_([a-z0-9]{12})_[A-Za-z0-9_-]{43}")


class Office:
    """The commands of a house that is empty, and what its gateways think of a key."""

    def __init__(self, folder: Path) -> None:
        self._processes = Processes(folder, NO_REDIS)
        self._database = Database(open_engine(f"sqlite:///{folder / 'veilgate.db'}"))

    def run(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return self._processes.ask("-m", "veilgate", *words, **settings)

    def create(self, *words: str) -> tuple[str, str]:
        """A new key and its prefix."""
        return self.new_key("create", *words)

    def new_key(self, *words: str) -> tuple[str, str]:
        answer = self.run("keys", *words)
        assert answer.returncode == 0, answer.stderr
        (text,) = answer.stdout.splitlines()
        found = KEY.fullmatch(text)
        assert found, "alone on its line"
        assert "not shown again" in answer.stderr
        assert text not in answer.stderr
        return text, found[1]

    def listed(self, *words: str) -> list[dict[str, Any]]:
        answer = self.run("keys", "list", "--json", *words)
        assert answer.returncode == 0, answer.stderr
        found: list[dict[str, Any]] = json.loads(answer.stdout)["keys"]
        return found

    def identify(self, text: str) -> Any:
        return Access(self._database).identify(text)

    def close(self) -> None:
        self._database.close()


@pytest.fixture
def office(tmp_path: Path, migrated_file: Path) -> Iterator[Office]:
    shutil.copy(migrated_file, tmp_path / "veilgate.db")
    office = Office(tmp_path)
    yield office
    office.close()


def test_a_key_through_its_life(office: Office) -> None:
    text, prefix = office.create("--owner", "alice", "--name", "the shop", "--expires", "90d")
    caller = office.identify(text)
    assert (caller.owner_id, caller.scopes) == ("alice", {Scope.UPLOAD, Scope.READ})
    everything, admin = office.create(
        "--owner", "bob", "--scopes", "admin, erase,originals,read,upload,webhooks"
    )
    assert office.identify(everything).scopes == set(Scope)

    new, new_prefix = office.new_key("rotate", prefix, "--overlap", "2h")
    assert office.identify(new).owner_id == office.identify(text).owner_id == "alice"
    answer = office.run("keys", "revoke", admin)
    assert (answer.returncode, answer.stdout) == (0, f"{admin}  revoked\n")

    old, rotated = office.listed("--owner", "alice")
    assert [key["prefix"] for key in (old, rotated)] == [prefix, new_prefix]
    assert (
        (old["name"], old["scopes"])
        == (rotated["name"], rotated["scopes"])
        == (
            "the shop",
            ["read", "upload"],
        )
    )
    assert rotated["expires_at_ms"] - rotated["created_at_ms"] == 90 * 86_400_000
    assert abs(old["expires_at_ms"] - rotated["created_at_ms"] - 2 * 3_600_000) < 5000
    assert_told_apart(office, texts=[text, everything, new], actor=f"cli:{pwd.getpwuid(os.getuid()).pw_name}")


def assert_told_apart(office: Office, *, texts: list[str], actor: str) -> None:
    """What people and programs read afterwards; it shows no secret."""
    table = office.run("keys", "list")
    title, *rows = table.stdout.splitlines()
    assert title.split()[:5] == ["prefix", "owner", "name", "scopes", "state"]
    assert [re.split(r" {2,}", row)[4] for row in rows] == ["usable", "revoked", "usable"]
    log = office.run("audit")
    assert [re.split(r" {2,}", row)[1] for row in log.stdout.splitlines()[1:2]] == ["key.revoked"]
    document = office.run("audit", "--json", "--since", "1h", "--limit", "3", "--owner", "alice")
    entries = json.loads(document.stdout)["entries"]
    assert {entry["action"] for entry in entries} == {"key.created", "key.rotated"}
    assert {(entry["owner_id"], entry["actor"]) for entry in entries} == {("alice", actor)}
    shown = "".join((table.stdout, log.stdout, document.stdout, table.stderr))
    assert not [text for text in texts if text[16:] in shown]
    assert "sha256" not in shown


def test_what_is_refused(office: Office) -> None:
    for words, said in (
        (("create", "--owner", "anonymous"), "An owner is"),
        (("rotate", f"vg_aaaaaaaaaaaa_{'S' * 43}"), "There is no such key."),
    ):
        answer = office.run("keys", *words)
        assert (answer.returncode, answer.stdout) == (1, "")
        assert answer.stderr.startswith(f"veilgate: {said}")
        assert "SSSS" not in answer.stderr, "somebody may give a whole key"


@pytest.mark.parametrize(
    "words",
    [
        ("keys",),
        ("keys", "create"),
        ("keys", "create", "--owner", "a", "--scopes", "upload,everything"),
        ("keys", "create", "--owner", "a", "--scopes", ""),
        ("keys", "create", "--owner", "a", "--expires", "0d"),
        ("keys", "revoke"),
        ("keys", "rotate", "a", "--overlap", "soon"),
        ("audit", "--since", "yesterday"),
        ("audit", "--limit", "0"),
    ],
)
def test_wrong_usage_is_refused(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        commands.main(words)
    assert refused.value.code == 2
    assert capsys.readouterr().out == ""


def test_a_database_that_is_away_is_named(office: Office, free_port: int) -> None:
    away = f"mysql+pymysql://u:p@127.0.0.1:{free_port}/veil"
    answer = office.run("keys", "create", "--owner", "alice", DATABASE_URL=away)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "veilgate: DATABASE_URL: The database cannot be reached.\n"
