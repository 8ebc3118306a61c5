"""The units against the code: what they start, which settings they set, how long they wait for an end.

`systemd-analyze` reads them as the machine would.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.debian import found, why_missing
from tests.fixtures.paths import REPOSITORY_ROOT
from veilgate.cli.supervisor import RestartPolicy
from veilgate.settings.groups import GROUPS
from worker import FAMILY_ROOTS

UNITS = REPOSITORY_ROOT / "systemd"
HOME = "/opt/veilgate"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
PROCESSES = [name for name in SERVICES if name not in {"veilgate-database.service", "veilgate-up.service"}]
# `systemd-analyze security` gives 0 to what may do nothing and 10 to what may do all; 9.6 without a word.
MOST_EXPOSED = 3.0

Lines = dict[str, list[str]]


def lines_of(name: str) -> Lines:
    found: Lines = {}
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def environment_of(name: str) -> dict[str, str]:
    words = " ".join(lines_of(name)["Environment"]).split()
    return dict(word.split("=", 1) for word in words)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as on a machine whose house is this folder."""
    why = why_missing(("systemd-analyze",), ("systemd",))
    if why:
        pytest.skip(why)
    for path in UNITS.iterdir():
        text = path.read_text(encoding="utf-8").replace(f"{HOME}/.venv/bin/python", sys.executable)
        (tmp_path / path.name).write_text(text.replace(HOME, str(REPOSITORY_ROOT)), encoding="utf-8")
    return tmp_path


def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    files = [str(path) for path in installed.iterdir()]
    done = subprocess.run(
        [found("systemd-analyze"), "verify", "--recursive-errors=no", "--man=no", *files],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    about_ours = [line for line in done.stderr.splitlines() if "veilgate" in line]
    assert (done.returncode, about_ours) == (0, [])


def test_little_is_left_to_who_breaks_in(installed: Path) -> None:
    for name in SERVICES:
        done = subprocess.run(
            [found("systemd-analyze"), "security", "--offline=true", "--no-pager", str(installed / name)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        level = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
        assert level, done.stdout + done.stderr
        assert float(level[1]) <= MOST_EXPOSED, f"{name}: {level[1]}"


def test_every_process_of_the_house_has_its_unit() -> None:
    started = {lines_of(name)["ExecStart"][0].removeprefix(f"{HOME}/.venv/bin/python ") for name in PROCESSES}
    families = {f"worker.py {family}" for family in FAMILY_ROOTS}
    assert started == {"api_server.py", "search_server.py", *families}
    wanted = set(" ".join(lines_of("veilgate.target")["Wants"]).split())
    assert wanted == {name.replace("@.", "@1.") for name in PROCESSES}


@pytest.mark.parametrize("name", SERVICES)
def test_commands_and_settings_exist(name: str) -> None:
    lines, settings = lines_of(name), {field.upper() for group in GROUPS for field in group.model_fields}
    scripts = re.findall(r"\b(\w+\.py)\b", lines["ExecStart"][0])
    assert all((REPOSITORY_ROOT / script).is_file() for script in scripts)
    assert scripts or lines["ExecStart"][0].endswith("-m veilgate up")
    assert set(environment_of(name)) <= settings | {"PYTHONUNBUFFERED"}
    assert lines["WorkingDirectory"] == [HOME]
    assert environment_of(name)["DATA_DIR"] == f"/var/lib/{lines['StateDirectory'][0]}"


def test_every_process_has_a_metrics_port_of_its_own() -> None:
    ports = [environment_of(name)["METRICS_PORT"] for name in PROCESSES]
    assert len(set(ports)) == len(ports)
    assert all(re.fullmatch(r"94(\d\d|7%i)", port) for port in ports)
    assert not [port for port in ports if re.fullmatch(r"947\d", port)], "those are the images workers'"


@pytest.mark.parametrize("name", PROCESSES)
def test_an_end_in_order_is_not_cut_off(name: str) -> None:
    """Longer than the house's own supervisor waits, which is what tests/faults/test_drain.py holds it to."""
    lines = lines_of(name)
    assert float(lines["TimeoutStopSec"][0]) > RestartPolicy().drain_s
    assert lines["KillMode"] == ["mixed"]
    assert lines["Restart"] == ["always"]
    assert lines["RestartPreventExitStatus"] == [str(os.EX_CONFIG)]
    assert "veilgate-database.service" in lines["Requires"][0]
    assert "veilgate-database.service" in lines["After"][0]


def test_the_whole_house_may_end_in_order_too() -> None:
    """Twice: Redis has its turn when the others have ended."""
    assert float(lines_of("veilgate-up.service")["TimeoutStopSec"][0]) > 2 * RestartPolicy().drain_s


@pytest.mark.parametrize(("codes", "ends_with"), [("1 1 0", 0), ("78", 78), ("1 78", 78)])
def test_a_database_that_is_away_is_waited_for(tmp_path: Path, codes: str, ends_with: int) -> None:
    """The unit's own line, with a database that answers so."""
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    (tmp_path / "codes").write_text("\n".join(codes.split()) + "\n")
    python.write_text("#!/bin/sh\ncode=$(head -n 1 codes); sed -i 1d codes; exit $code\n")
    python.chmod(0o700)
    line = lines_of("veilgate-database.service")["ExecStart"][0].replace("$$", "$").replace("sleep 5", ":")
    script = re.fullmatch(r"/bin/sh -c '(.*)'", line)
    assert script
    done = subprocess.run(["/bin/sh", "-c", script[1]], cwd=tmp_path, timeout=10, check=False)
    assert (done.returncode, (tmp_path / "codes").read_text()) == (ends_with, "")
