"""How tables are named and made, and the types of their columns, for database_models and its neighbours."""

from sqlalchemy import Column, Index, MetaData, String, Table, Text
from sqlalchemy.dialects import mysql

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# The newest of migrations/versions: what a process checks before it works on a database.
SCHEMA_REVISION = "0008"

# 64 KiB is MySQL's TEXT; a result with thousands of boxes is larger.
LongText = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
Id = String(36)
OwnerId = String(36)
ModelId = String(80)
Term = String(40)


def table(name: str, *parts: Column[object] | Index) -> Table:
    # Compared byte by byte, as SQLite does, whatever a server's default is.
    return Table(
        name,
        metadata,
        *parts,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
