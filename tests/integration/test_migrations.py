"""The schema: made, migrated and checked by init_database.py, in any order and number, on each database."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, inspect, text
from sqlalchemy.exc import OperationalError

import init_database
import veilgate.persistence.tables.outgoing  # makes its tables known to `metadata`, as the next
import veilgate.persistence.tables.search  # noqa: F401
from database_models import processed_images  # noqa: F401
from tests.fixtures.mariadb import RunningMariaDb
from tests.fixtures.paths import REPOSITORY_ROOT
from veilgate.domain.errors import ConfigurationError
from veilgate.persistence.engine import open_engine
from veilgate.persistence.schema import require_schema, schema_revision
from veilgate.persistence.tables.naming import SCHEMA_REVISION, metadata

OURS = {*metadata.tables, "alembic_version"}


@pytest.fixture(params=["sqlite", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'veilgate.db'}"
    server: RunningMariaDb = request.getfixturevalue("mariadb")
    return server.url(server.empty_database())


@pytest.fixture
def engine(url: str) -> Engine:
    return open_engine(url)


@pytest.fixture
def settings(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)


def revision_of(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return schema_revision(connection)


def tables_of(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_the_models_name_the_newest_migration() -> None:
    scripts = ScriptDirectory.from_config(init_database.alembic_config())
    assert scripts.get_current_head() == SCHEMA_REVISION


def test_a_new_database_reaches_the_newest_schema(engine: Engine) -> None:
    assert revision_of(engine) is None
    init_database.migrate(engine)
    assert revision_of(engine) == SCHEMA_REVISION
    assert tables_of(engine) == OURS
    engine.dispose()


def test_the_migrations_make_what_the_models_say(engine: Engine) -> None:
    init_database.migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_text_is_compared_byte_by_byte_whatever_the_server_prefers(mariadb: RunningMariaDb) -> None:
    name = mariadb.new_database().rpartition("/")[2]
    odd = mariadb.execute(
        "SELECT table_name, column_name, collation_name FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND collation_name <> 'utf8mb4_bin'",
        database=name,
    )
    assert [row for row in odd if row[0] != "alembic_version"] == []


def test_migrating_again_keeps_what_is_there(engine: Engine) -> None:
    init_database.migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO totals (name, value) VALUES ('completed', 7)"))
    init_database.migrate(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT value FROM totals")).scalar_one() == 7
    engine.dispose()


def test_lookups_from_before_their_bills_were_added_up_are_told_apart(engine: Engine) -> None:
    config = init_database.alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        connection.execute(text("INSERT INTO totals (name, value) VALUES ('lookups_completed', 1000)"))
        connection.execute(
            text(
                "INSERT INTO lookup_spending (day, provider, owner_id, calls, cached, cost_micros) "
                "VALUES ('2026-11-01', 'google_vision', 'o', 2, 1, 3000)"
            )
        )
    init_database.migrate(engine)
    with engine.connect() as connection:
        found = {row.name: row.value for row in connection.execute(text("SELECT name, value FROM totals"))}
    assert found.pop("lookups_completed") == found.pop("lookups_completed_before_bills") == 1000
    assert found.pop("lookup_cost_micros") == found.pop("lookup_cost_micros_before_bills") == 3000
    assert found == {"lookup_calls": 2, "lookup_cached": 1}
    engine.dispose()


def test_what_was_there_before_an_update_is_kept(engine: Engine) -> None:
    """Columns that are added must not be asked of rows that know nothing of them."""
    config = init_database.alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.execute(text("INSERT INTO batches VALUES ('b', 'o', 1)"))
        connection.execute(
            text("INSERT INTO batch_items (batch_id, position, filename) VALUES ('b', 0, 'a')")
        )
    init_database.migrate(engine)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT filename, deduplicated FROM batch_items")).all()
        assert [tuple(row) for row in rows] == [("a", 0)]
    engine.dispose()


class Interrupted(Exception):
    """As when the process is killed there."""


@pytest.mark.parametrize("steps", [1, 2, 3, 9, 15, 19, 20, 21, 23])
def test_a_migration_that_was_interrupted_goes_on_where_it_was(url: str, steps: int) -> None:
    """MySQL commits each change of the schema at once, so that half of them may be there."""
    engine, done = open_engine(url), 0

    @event.listens_for(engine, "before_cursor_execute")
    def count(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        nonlocal done
        if statement.lstrip().upper().startswith(("CREATE", "ALTER")):
            if done == steps:
                raise Interrupted
            done += 1

    with pytest.raises(Interrupted):
        init_database.migrate(engine)
    engine.dispose()
    second = open_engine(url)
    init_database.migrate(second)
    assert (revision_of(second), tables_of(second)) == (SCHEMA_REVISION, OURS)
    with second.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    second.dispose()


def test_down_and_up_again(engine: Engine) -> None:
    init_database.migrate(engine)
    config = init_database.alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert tables_of(engine) == {"alembic_version"}
    init_database.migrate(engine)
    assert revision_of(engine) == SCHEMA_REVISION
    engine.dispose()


def test_processes_that_migrate_at_once_do_no_harm(engine: Engine, url: str) -> None:
    words = [sys.executable, "init_database.py"]
    environment = {**os.environ, "DATABASE_URL": url}
    processes = [
        subprocess.Popen(words, cwd=REPOSITORY_ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert revision_of(engine) == SCHEMA_REVISION
    engine.dispose()


@pytest.mark.usefixtures("settings")
def test_check_tells_an_old_schema_from_the_newest(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init_database.main(["--check"]) == os.EX_CONFIG
    assert "run python init_database.py" in capsys.readouterr().err
    assert init_database.main([]) == 0
    assert init_database.main(["--check"]) == 0
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert init_database.main(["--check"]) == os.EX_CONFIG
    said = capsys.readouterr().err
    assert f"the schema is at 0001, this version needs {SCHEMA_REVISION}: run python" in said
    assert init_database.main([]) == 0, "what the later migrations make is there already"
    engine.dispose()


@pytest.mark.usefixtures("settings")
def test_a_newer_schema_is_left_alone(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    init_database.main([])
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for arguments in ([], ["--check"]):
        assert init_database.main(arguments) == os.EX_CONFIG
        assert "the schema is at 9999, newer than this version" in capsys.readouterr().err
    with engine.connect() as connection, pytest.raises(ConfigurationError, match="newer"):
        require_schema(connection)
    assert revision_of(engine) == "9999"
    engine.dispose()


def test_a_migration_waits_for_another(mariadb: RunningMariaDb, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so when the other does not end."""
    url = mariadb.url(mariadb.empty_database())
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setattr(init_database, "_LONGEST_TURN_S", 1)
    first = open_engine(url)
    with first.begin() as connection, init_database._only_one(connection):
        assert init_database.main([]) == 1
    assert init_database.main([]) == 0
    first.dispose()


def test_a_table_that_somebody_reads_does_not_stop_the_house_for_long(mariadb: RunningMariaDb) -> None:
    """A change of a table waits for its readers, and everybody else behind it; so it gives up."""
    url = mariadb.new_database()
    reader, changer = open_engine(url), open_engine(url, answer_timeout_s=3600.0)
    with reader.connect() as reading:
        reading.execute(text("SELECT * FROM totals")).all()
        with pytest.raises(OperationalError, match="Lock wait timeout"), changer.connect() as changing:
            changing.execute(text("ALTER TABLE totals ADD COLUMN more INT"))
    reader.dispose()
    changer.dispose()
