"""Alembic's entry: init_database.py hands over an open connection."""

from alembic import context

import database_models  # noqa: F401 - makes its tables known to `metadata`, as the next
import outgoing_models  # noqa: F401
import search_models  # noqa: F401
from database_tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
