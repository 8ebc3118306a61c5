"""The database file: made, migrated and checked by init_database.py, in any order and number."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

import init_database
from database_models import metadata
from tests.fixtures.paths import REPOSITORY_ROOT
from veilgate.persistence.engine import open_engine


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_engine(f"sqlite:///{tmp_path / 'data' / 'veilgate.db'}")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))


def test_a_new_database_reaches_the_newest_schema(engine: Engine) -> None:
    init_database.migrate(engine)
    assert init_database.is_current(engine)
    assert set(metadata.tables) <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_the_migrations_make_what_the_models_say(engine: Engine) -> None:
    init_database.migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrating_again_keeps_what_is_there(engine: Engine) -> None:
    init_database.migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO totals (name, value) VALUES ('completed', 7)"))
    init_database.migrate(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT value FROM totals")).scalar_one() == 7
    engine.dispose()


def test_processes_that_migrate_at_once_do_no_harm(engine: Engine, tmp_path: Path) -> None:
    environment = {**os.environ, "DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "init_database.py"]
    processes = [
        subprocess.Popen(command, cwd=REPOSITORY_ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert init_database.is_current(engine)
    engine.dispose()


@pytest.mark.usefixtures("settings")
def test_check_tells_an_old_schema_from_the_newest(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init_database.main(["--check"]) == 1
    assert "run python init_database.py" in capsys.readouterr().err
    assert init_database.main([]) == 0
    assert init_database.main(["--check"]) == 0
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    assert init_database.main(["--check"]) == 1
    engine.dispose()
