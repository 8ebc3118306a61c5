"""Steps that may be repeated: MySQL commits each change of a schema at once, so that a migration which was
interrupted has to find its own traces and go on."""

from typing import Any

import sqlalchemy as sa
from alembic import op


def create_table(name: str, *parts: sa.Column[Any] | sa.Constraint) -> None:
    """Make a table unless it is there."""
    if not sa.inspect(op.get_bind()).has_table(name):
        op.create_table(
            name,
            *parts,
            mysql_charset="utf8mb4",
            mysql_collate="utf8mb4_bin",
            mysql_engine="InnoDB",
        )


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column unless it is there."""
    if column.name not in {known["name"] for known in sa.inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)


def create_index(table: str, *columns: str, unique: bool = False) -> None:
    """Make an index, named as database_models names it, unless it is there."""
    name = f"ix_{table}_{'_'.join(columns)}"
    if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(op.f(name), table, list(columns), unique=unique)


def drop_index(table: str, *columns: str) -> None:
    """Drop an index, named as database_models names it, if it is there."""
    name = f"ix_{table}_{'_'.join(columns)}"
    if name in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.drop_index(op.f(name), table)
