"""Whether a database is one that this version can work with: its schema, and our rights in it."""

from sqlalchemy import Connection, false, insert, inspect, select, text, update

from database_models import leader_leases
from veilgate.domain.errors import ConfigurationError
from veilgate.persistence.tables.naming import SCHEMA_REVISION

_MAKE_IT = "run python init_database.py"


def require_schema(connection: Connection) -> None:
    """Raise `ConfigurationError` unless the schema is at the revision that this version is written for."""
    found = schema_revision(connection)
    if found == SCHEMA_REVISION:
        return
    if found is None:
        raise ConfigurationError(f"DATABASE_URL: there is no schema in this database: {_MAKE_IT}")
    if found.isdigit() and int(found) > int(SCHEMA_REVISION):
        raise ConfigurationError(
            f"DATABASE_URL: the schema is at {found}, newer than this version, which needs {SCHEMA_REVISION}"
        )
    raise ConfigurationError(
        f"DATABASE_URL: the schema is at {found}, this version needs {SCHEMA_REVISION}: {_MAKE_IT}"
    )


def schema_revision(connection: Connection) -> str | None:
    """Where the migrations have got to; None in a database without tables of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def require_rights(connection: Connection) -> None:
    """Statements that change nothing, but are refused to a user who may not write."""
    row = leader_leases
    connection.execute(insert(row).from_select(list(row.columns), select(row).where(false())))
    connection.execute(update(row).where(false()).values(until_ms=0))
    connection.execute(row.delete().where(false()))
