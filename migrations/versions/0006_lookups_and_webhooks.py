"""Lookups with what they cost, links that providers are given, and webhooks with their outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from migrations.steps import add_column, create_index, create_table

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.String(length=36)


def upgrade() -> None:
    add_column("jobs", sa.Column("then_lookup", sa.Boolean(), nullable=False, server_default=sa.false()))
    add_column("processed_images", sa.Column("current_lookup_id", _ID, nullable=True))
    create_table(
        "lookup_spending",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("owner_id", _ID, nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("cached", sa.BigInteger(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "provider", "owner_id", name=op.f("pk_lookup_spending")),
    )
    create_table(
        "shared_links",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("image_id", _ID, nullable=False),
        sa.Column("object_key", sa.String(length=255), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["processed_images.id"], name=op.f("fk_shared_links_image_id")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_shared_links")),
    )
    create_index("shared_links", "image_id")
    create_index("shared_links", "expires_at_ms")
    _create_webhooks()


def _create_webhooks() -> None:
    create_table(
        "webhook_endpoints",
        sa.Column("id", _ID, nullable=False),
        sa.Column("owner_id", _ID, nullable=False),
        sa.Column("key_prefix", sa.String(length=16), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=120), nullable=False),
        sa.Column("previous_secret", sa.String(length=120), nullable=True),
        sa.Column("previous_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("disabled_reason", sa.String(length=120), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("paused_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    create_index("webhook_endpoints", "owner_id")
    create_table(
        "webhook_deliveries",
        sa.Column("id", _ID, nullable=False),
        sa.Column("endpoint_id", _ID, nullable=False),
        sa.Column("owner_id", _ID, nullable=False),
        sa.Column("job_id", _ID, nullable=True),
        sa.Column("image_id", _ID, nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("payload", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=255), nullable=True),
        sa.Column("last_took_ms", sa.Integer(), nullable=True),
        sa.Column("correlation_id", sa.String(length=64), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("finished_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_webhook_deliveries_endpoint_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    for columns in (
        ("endpoint_id", "status", "not_before_ms"),
        ("endpoint_id", "job_id", "seq"),
        ("endpoint_id", "created_at_ms"),
        ("job_id",),
        ("status", "finished_at_ms"),
    ):
        create_index("webhook_deliveries", *columns)


def downgrade() -> None:
    for table in ("webhook_deliveries", "webhook_endpoints", "shared_links", "lookup_spending"):
        op.drop_table(table)
    with op.batch_alter_table("processed_images") as batch:
        batch.drop_column("current_lookup_id")
    with op.batch_alter_table("jobs") as batch:
        batch.drop_column("then_lookup")
