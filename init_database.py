"""Creates, migrates and checks the database.

`python init_database.py` brings it to the newest schema (safe to repeat, and while others run);
`python init_database.py --check` only says whether it is there.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from config import require_config
from veilgate.domain.errors import ConfigurationError, DatabaseUnavailable, VeilgateError
from veilgate.persistence.driver_errors import refusal, translated_errors
from veilgate.persistence.engine import WRITES, open_engine
from veilgate.persistence.schema import require_schema, schema_revision

# Rebuilding a table of millions of rows is one statement, which says nothing until it is done.
_ANSWER_TIMEOUT_S = 3600.0
_LONGEST_TURN_S = 600


def alembic_config() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).resolve().parent / "migrations"))
    return config


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision. Raises `ConfigurationError` when it is newer than we are.

    On SQLite that is one transaction. MySQL commits each step at once: after an interruption, run it again
    (migrations/steps.py leaves out what is there).
    """
    config = alembic_config()
    with engine.execution_options(**{WRITES: True}).begin() as connection, _only_one(connection):
        if not _is_known(schema_revision(connection)):
            require_schema(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _is_known(revision: str | None) -> bool:
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    return revision is None or revision in known


@contextmanager
def _only_one(connection: Connection) -> Iterator[None]:
    """Whoever migrates the same database meanwhile waits. SQLite's write lock does that by itself."""
    if connection.dialect.name == "sqlite":
        yield
        return
    name = str(connection.execute(text("SELECT DATABASE()")).scalar_one())
    # The lock is the server's, its name at most 64 characters.
    lock = {"name": f"veilgate.migrate.{hashlib.sha256(name.encode()).hexdigest()[:32]}"}
    wait = text(f"SELECT GET_LOCK(:name, {_LONGEST_TURN_S})")
    if connection.execute(wait, lock).scalar() != 1:
        raise DatabaseUnavailable("Another process has been migrating this database for ten minutes.")
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), lock)


def main(arguments: list[str]) -> int:
    url = require_config().storage.effective_database_url
    with ExitStack() as stack:
        try:
            engine = open_engine(url, answer_timeout_s=_ANSWER_TIMEOUT_S)
            stack.callback(engine.dispose)
            with _said_as_settings(), translated_errors():
                if "--check" not in arguments:
                    migrate(engine)
                with engine.connect() as connection:
                    require_schema(connection)
        except VeilgateError as error:
            print(f"init_database: {error.message}", file=sys.stderr)
            return os.EX_CONFIG if isinstance(error, ConfigurationError) else 1
    return 0


@contextmanager
def _said_as_settings() -> Iterator[None]:
    try:
        yield
    except DatabaseUnavailable as error:
        raise refusal(error) or error from error.__cause__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
