"""Alembic's entry: init_database.py hands over an open connection."""

from alembic import context

import database_models  # noqa: F401 - makes its tables known to `metadata`, as the next
import veilgate.persistence.tables.outgoing
import veilgate.persistence.tables.search  # noqa: F401
from veilgate.persistence.tables.naming import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
