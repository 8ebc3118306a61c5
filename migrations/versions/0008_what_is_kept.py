"""Totals of what is kept and was spent begin with what is there; from now on they are kept as it changes."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KEPT = "FROM processed_images WHERE original_dropped_at_ms IS NULL"
_BEGIN = {
    "originals": f"SELECT count(*) {_KEPT}",
    "original_bytes": f"SELECT coalesce(sum(file_size), 0) {_KEPT}",
    # As far back as days are kept.
    "lookup_calls": "SELECT coalesce(sum(calls), 0) FROM lookup_spending",
    "lookup_cached": "SELECT coalesce(sum(cached), 0) FROM lookup_spending",
    "lookup_cost_micros": "SELECT coalesce(sum(cost_micros), 0) FROM lookup_spending",
}


def upgrade() -> None:
    downgrade()
    for name, counted in _BEGIN.items():
        if value := int(op.get_bind().execute(sa.text(counted)).scalar_one()):
            op.get_bind().execute(
                sa.text("INSERT INTO totals (name, value) VALUES (:name, :value)"),
                {"name": name, "value": value},
            )


def downgrade() -> None:
    op.get_bind().execute(
        sa.text("DELETE FROM totals WHERE name IN :names").bindparams(
            sa.bindparam("names", sorted(_BEGIN), expanding=True)
        )
    )
