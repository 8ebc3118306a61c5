"""What keeps `veilgate jobs` from its work is named, with the setting that leads there."""

import shutil
from pathlib import Path

import pytest

from tests.integration.api.gateway import Processes
from veilgate.cli import commands

NO_REDIS = "unix:///nowhere/redis.sock"


@pytest.fixture
def processes(tmp_path: Path, migrated_file: Path) -> Processes:
    """The commands of a house that is empty."""
    shutil.copy(migrated_file, tmp_path / "veilgate.db")
    return Processes(tmp_path, NO_REDIS)


@pytest.mark.parametrize("command", [("list",), ("verify",), ("retry", "--failed")])
def test_a_database_that_is_away_is_named(
    processes: Processes, free_port: int, command: tuple[str, ...]
) -> None:
    away = f"mysql+pymysql://u:p@127.0.0.1:{free_port}/veil"
    answer = processes.ask("-m", "veilgate", "jobs", *command, DATABASE_URL=away)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "veilgate: DATABASE_URL: The database cannot be reached.\n"


def test_a_store_that_is_away_is_named(processes: Processes, free_port: int) -> None:
    away = {
        "S3_BUCKET": "bucket",
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{free_port}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    answer = processes.ask("-m", "veilgate", "jobs", "verify", **away)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("veilgate: S3_BUCKET: ")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("retry",),
        ("retry", "--code", "x"),
        ("list", "--status", "done"),
        ("list", "--older-than", "10"),
        ("list", "--limit", "0"),
    ],
)
def test_wrong_usage_is_refused(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        commands.main(["jobs", *words])
    assert refused.value.code == 2
    assert capsys.readouterr().out == ""


def test_wrong_settings_are_refused(processes: Processes, tmp_path: Path) -> None:
    answer = processes.ask("-m", "veilgate", "jobs", "list", JOB_LEASE_S="soon")
    assert answer.returncode == 78
    assert "JOB_LEASE_S" in answer.stderr
    empty = f"sqlite:///{tmp_path / 'empty.db'}"
    answer = processes.ask("-m", "veilgate", "jobs", "list", DATABASE_URL=empty)
    assert answer.returncode == 78
    assert "run python init_database.py" in answer.stderr
