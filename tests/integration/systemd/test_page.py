"""docs/systemd.md as somebody copies it: settings that are read, and commands in an order that works."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from config import Config
from tests.fixtures.certificates import Issuer
from tests.fixtures.debian import why_missing
from tests.integration.systemd.test_units import environment_of, lines_of
from tests.kubernetes.pages import blocks, commands
from veilgate.cli.commands import build_parser

# What systemd reads such files with, as a program that writes down what it has read.
READER = Path("/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator")
COMMANDS = commands("systemd.md")
[SETTINGS] = blocks("systemd.md", "ini")


def as_systemd_reads(text: str, folder: Path) -> dict[str, str]:
    """The settings; one that is no single word has `"` around it."""
    why = why_missing(("systemd-analyze",), ("systemd",))
    if why:
        pytest.skip(why)
    (folder / "environment.d").mkdir()
    (folder / "environment.d" / "veilgate.conf").write_text(text, encoding="utf-8")
    env = {"XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
    done = subprocess.run([READER], env=env, capture_output=True, text=True, timeout=10, check=True)
    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    # Beside those that the machine gives to everybody.
    return {name: value for name, value in found.items() if f"{name}=" in text}


def test_the_settings_are_read_as_they_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [(name, url)] = re.findall(r"/dev/stdin /etc/veilgate/(\S+) <<'END'\n(.*)\nEND", COMMANDS)
    (tmp_path / name).write_text(f"{url}\n", encoding="utf-8")
    Issuer(tmp_path).ca_file.rename(tmp_path / "db-ca.pem")
    settings = as_systemd_reads(SETTINGS.replace("/etc/veilgate", str(tmp_path)), tmp_path)
    assert set(settings) == set(re.findall(r"^(\w+)=", SETTINGS, re.MULTILINE))
    assert '"' not in "".join(settings.values()), "systemd knows no comment at the end of a line"
    for setting, value in settings.items():
        monkeypatch.setenv(setting, value)
    config = Config()
    assert config.storage.database_url.get_secret_value() == url
    assert config.storage.s3_bucket == "pictures"


def test_commands_run_as_the_units_do() -> None:
    [words] = re.findall(r"^veilgate\(\) {\n(.*)\n}$", COMMANDS, re.MULTILINE)
    given = dict(re.findall(r"-p (\w+)=(\S+)", words))
    assert given.pop("Environment") == f"DATA_DIR={environment_of('veilgate-gateway.service')['DATA_DIR']}"
    unit = lines_of("veilgate-gateway.service")
    assert set(given) == {"User", "WorkingDirectory", "EnvironmentFile"}
    assert {name: [value] for name, value in given.items()} == {name: unit[name] for name in given}
    [start, end] = unit["ExecStart"][0].split()
    assert end == "api_server.py"
    assert words.endswith(f'{start} -m veilgate "$@"')
    for line in re.findall(r"^veilgate (.*)$", COMMANDS, re.MULTILINE):
        build_parser().parse_args(shlex.split(line))


def test_there_is_a_key_before_the_gateway_starts() -> None:
    """Without one it ends with 78, after which its unit stays down."""
    servers = COMMANDS[COMMANDS.index("/etc/veilgate/database-url") :]
    steps = [
        "systemctl start veilgate-database",
        "veilgate keys create --owner shop",
        "systemctl enable --now veilgate.target",
    ]
    assert [line for line in servers.splitlines() if line in steps] == steps
    assert lines_of("veilgate-gateway.service")["RestartPreventExitStatus"] == [str(os.EX_CONFIG)]


def test_what_an_upgrade_stops_is_started_again() -> None:
    [stopped] = re.findall(r"^systemctl stop (.*)$", COMMANDS, re.MULTILINE)
    wanted = lines_of("veilgate.target")["Wants"]
    names = {word.partition("@")[0].removesuffix(".service") for line in wanted for word in line.split()}
    assert {word.partition("@")[0] for word in shlex.split(stopped)} == names - {"veilgate-gateway"}
    after = [line.partition("#")[0].strip() for line in COMMANDS.partition(stopped)[2].splitlines()]
    last_two = [line for line in after if line.startswith("systemctl")][-2:]
    assert last_two == ["systemctl restart veilgate-database", "systemctl start veilgate.target"]
