"""At the start: what is wrong with DATABASE_URL is one line that names it; what is away is waited for."""

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

import config
import init_database
from tests.fixtures.mariadb import RunningMariaDb, StartMariaDb
from tests.fixtures.paths import REPOSITORY_ROOT, find_free_port
from tests.integration.persistence.databases import Shelf
from veilgate.domain.errors import ConfigurationError, DatabaseUnavailable
from veilgate.persistence.engine import open_engine
from veilgate.persistence.tables.naming import SCHEMA_REVISION
from veilgate.persistence.unit_of_work import Database
from veilgate.wiring import resources

MYSQL_INIT = REPOSITORY_ROOT / "mysql-init" / "01-database-and-user.sql"
SECRET = "s3cret-word"
START = ("api_server.py", "worker.py reconciler", "init_database.py --check")


def checked(url: str) -> Database:
    return Database(open_engine(url), checked=True)


def fault_of(url: str) -> str:
    database = checked(url)
    with pytest.raises(ConfigurationError) as raised:
        database.check()
    database.close()
    assert raised.value.message.startswith("DATABASE_URL: ")
    assert SECRET not in raised.value.message
    return raised.value.message


def test_a_wrong_password_is_said_without_it(mariadb: RunningMariaDb) -> None:
    said = fault_of(mariadb.url(mariadb.empty_database(), password=SECRET))
    assert "Access denied for user 'veil'" in said


def test_a_wrong_user_or_database_is_said(mariadb: RunningMariaDb) -> None:
    assert "Access denied" in fault_of(mariadb.url("veil_1", user="nobody", password=SECRET))
    assert "Unknown database 'veil_none'" in fault_of(mariadb.url("veil_none"))
    assert "Access denied" in fault_of(mariadb.url("mysql")), "a database that is not ours"


def test_a_host_that_nobody_knows_is_said() -> None:
    said = fault_of(f"mysql+pymysql://u:{SECRET}@no-such-host.invalid/db")
    assert said == "DATABASE_URL: no server has the name that stands in it"


def test_a_user_who_may_only_read_is_said(mariadb: RunningMariaDb) -> None:
    name = mariadb.new_database().rpartition("/")[2]
    mariadb.execute(
        f"CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY '{SECRET}'",
        f"GRANT SELECT ON {name}.* TO reader@'127.0.0.1'",
    )
    said = fault_of(mariadb.url(name, user="reader", password=SECRET))
    assert "command denied to user 'reader'" in said


def test_the_schema_is_looked_at(shelf: Shelf) -> None:
    database = checked(shelf.url)
    database.check()
    database.close()
    for revision, words in (
        ("0001", f"the schema is at 0001, this version needs {SCHEMA_REVISION}: run python init_database.py"),
        ("9999", f"the schema is at 9999, newer than this version, which needs {SCHEMA_REVISION}"),
    ):
        with shelf.database.write() as transaction:
            transaction.connection.execute(
                text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
            )
        assert fault_of(shelf.url) == f"DATABASE_URL: {words}"


def test_a_database_without_tables_is_said(mariadb: RunningMariaDb, tmp_path: Path) -> None:
    for url in (mariadb.url(mariadb.empty_database()), f"sqlite:///{tmp_path / 'new.db'}"):
        assert fault_of(url).endswith("run python init_database.py")


def test_a_server_that_is_away_is_no_fault_of_the_settings() -> None:
    database = checked(f"mysql+pymysql://u:p@127.0.0.1:{find_free_port()}/db")
    with pytest.raises(DatabaseUnavailable):
        database.check()
    with pytest.raises(DatabaseUnavailable), database.read():
        pass
    database.close()


def test_what_was_away_at_the_start_is_checked_when_it_comes(
    start_mariadb: StartMariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_mariadb()
    name = server.empty_database()
    server.kill()
    monkeypatch.setenv("DATABASE_URL", server.url(name))
    with ExitStack() as stack:
        database = resources.open_database(config.get_config(), stack)
        with pytest.raises(DatabaseUnavailable), database.write():
            pass
        server.start()
        with pytest.raises(DatabaseUnavailable), database.write():
            pass
        assert init_database.main([]) == 0
        with database.write() as transaction:
            transaction.totals.add(completed=1)


@pytest.mark.parametrize("command", START)
def test_every_process_says_it_in_one_line_and_ends(
    mariadb: RunningMariaDb, tmp_path: Path, command: str
) -> None:
    settings = {
        "DATABASE_URL": mariadb.url(mariadb.empty_database(), password=SECRET),
        "DATA_DIR": str(tmp_path),
        "PORT": str(find_free_port()),
    }
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=REPOSITORY_ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == os.EX_CONFIG, said
    assert len(re.findall("DATABASE_URL: Access denied", said)) == 1
    assert "Traceback" not in said
    assert SECRET not in said
    assert len(said.splitlines()) == 1, said


def test_what_mysql_init_makes_is_all_that_is_needed(
    mariadb: RunningMariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its user makes the tables and uses them, and may do nothing elsewhere."""
    script = "\n".join(
        line for line in MYSQL_INIT.read_text().splitlines() if not line.lstrip().startswith("--")
    )
    statements = [statement for statement in script.split(";") if statement.strip()]
    for _ in range(2):  # it may be run again
        mariadb.execute(*statements)
    url = mariadb.url("veilgate", user="veilgate", password="changeme")
    monkeypatch.setenv("DATABASE_URL", url)
    try:
        assert init_database.main([]) == 0
        shelf = Shelf(url, Path())
        Database(shelf.engine, checked=True).check()
        shelf.add("a")
        assert shelf.claim("a") == 1
        shelf.close()
        elsewhere = mariadb.url(mariadb.empty_database(), user="veilgate", password="changeme")
        assert "Access denied" in fault_of(elsewhere)
    finally:
        mariadb.execute("DROP DATABASE veilgate", "DROP USER veilgate")
