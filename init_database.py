"""Creates, migrates and checks the database.

`python init_database.py` brings it to the newest schema (safe to repeat, and while others run);
`python init_database.py --check` only says whether it is there.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from config import get_config
from veilgate.persistence.engine import WRITES, open_engine


def alembic_config() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).resolve().parent / "migrations"))
    return config


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision, in one transaction where the database can."""
    config = alembic_config()
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(engine: Engine) -> bool:
    """Whether the database is at the revision that this code expects."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def main(arguments: list[str]) -> int:
    engine = open_engine(get_config().storage.effective_database_url)
    try:
        if "--check" not in arguments:
            migrate(engine)
        if is_current(engine):
            return 0
        print("The database is not at the newest schema: run python init_database.py", file=sys.stderr)
        return 1
    finally:
        engine.dispose()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
