"""Uploads of the same picture with the same options share a job."""

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_column, create_index

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Each remembers an answer that was given.
_REMEMBERING = ("idempotency_keys", "batch_items", "direct_uploads")


def upgrade() -> None:
    # Jobs of before have no key: nobody knows with which models they were made.
    add_column("jobs", sa.Column("dedup_key", sa.String(length=64), nullable=True))
    create_index("jobs", "dedup_key", unique=True)
    for table in _REMEMBERING:
        add_column(table, sa.Column("deduplicated", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for table in _REMEMBERING:
        op.drop_column(table, "deduplicated")
    op.drop_index(op.f("ix_jobs_dedup_key"), "jobs")
    op.drop_column("jobs", "dedup_key")
