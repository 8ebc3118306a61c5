"""docs/deployment.md tells people to type what works with docker-compose.yml."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.containers.compose import Compose
from tests.fixtures.debian import found
from tests.fixtures.mariadb import RunningMariaDb
from tests.fixtures.paths import REPOSITORY_ROOT
from veilgate.cli.commands import build_parser

PAGE = (REPOSITORY_ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
COMMANDS = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)).replace("\\\n", " ")
COMPOSE = Compose("docker-compose.yml")


def test_every_variable_of_compose_is_explained() -> None:
    text = (REPOSITORY_ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{(\w+)", text))
    table, _, after = PAGE.partition("| in `.env` or the environment |")[2].partition("\n\n")
    explained = {
        name for row in table.splitlines() for name in re.findall(r"`([A-Z0-9_]+)`", row.split("|")[1])
    }
    of_k6 = {name for name in COMPOSE.services["k6"]["environment"] if f"`{name}`" in after}
    assert used - {"API_KEY"} == explained | of_k6 - {"BASE_URL", "API_KEY"}


def test_services_that_are_named_exist() -> None:
    executed = re.findall(r"docker compose (?:exec(?: -T)?|restart) ([\w-]+)", COMMANDS)
    scaled = re.findall(r"--scale ([\w-]+)=", COMMANDS)
    files = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    overridden = [name for text in files for name in yaml.safe_load(text)["services"]]
    assert executed
    assert scaled
    assert overridden
    assert {*executed, *scaled, *overridden} <= set(COMPOSE.services)


def test_workers_are_replaced_before_gateways_and_none_is_forgotten() -> None:
    [line] = re.findall(
        r"^docker compose up --detach --no-deps ((?:[a-z]+-?[a-z]* ?)+)$", COMMANDS, re.MULTILINE
    )
    processes = {name for name, service in COMPOSE.ours().items() if service["restart"] == "unless-stopped"}
    assert set(line.split()) == processes - {"gateway", "images-worker-gpu"}
    assert COMMANDS.index("run --rm migrate") < COMMANDS.index(line) < COMMANDS.index("--no-recreate")


@pytest.mark.parametrize("command", re.findall(r"python -m veilgate (.*)", COMMANDS))
def test_commands_of_the_house_exist(command: str) -> None:
    build_parser().parse_args(shlex.split(command))


def test_a_backup_of_the_database_can_be_restored(mariadb: RunningMariaDb, tmp_path: Path) -> None:
    """What the page has run in MySQL's container, with a MariaDB and its programs."""
    dump, restore = re.findall(r"exec -T mysql sh -c '(.*?)'", COMMANDS)
    (tmp_path / "mysql_root_password").write_text("of this test alone\n")
    saved = tmp_path / "veilgate.sql"
    mariadb.execute(
        "CREATE USER 'keeper'@'127.0.0.1' IDENTIFIED BY 'of this test alone'",
        "GRANT ALL ON veilgate.* TO 'keeper'@'127.0.0.1'",
        "CREATE DATABASE veilgate",
        "CREATE TABLE veilgate.pictures AS SELECT 'größer' AS name",
    )
    try:
        saved.write_bytes(in_container(dump, mariadb, tmp_path, b""))
        mariadb.execute("DROP DATABASE veilgate", "CREATE DATABASE veilgate")
        in_container(restore, mariadb, tmp_path, saved.read_bytes())
        assert [tuple(row) for row in mariadb.execute("SELECT name FROM veilgate.pictures")] == [("größer",)]
    finally:
        mariadb.execute("DROP DATABASE veilgate", "DROP USER 'keeper'@'127.0.0.1'")


def in_container(script: str, mariadb: RunningMariaDb, secrets: Path, given: bytes) -> bytes:
    """With another user, by TCP: root of this server has no password."""
    script = script.replace("/secrets/mysql_root_password", f"{secrets}/mysql_root_password")
    programs = str(Path(found("mysqldump")).parent)
    user = f"--user=keeper --host=127.0.0.1 --port={mariadb.port}"
    done = subprocess.run(
        ["sh", "-c", script.replace("--user=root", user)],
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
        input=given,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
