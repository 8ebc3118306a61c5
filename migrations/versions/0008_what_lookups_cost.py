"""Totals of what lookups came to begin with the days that are kept; then they are kept as it changes."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COLUMNS = {"lookup_calls": "calls", "lookup_cached": "cached", "lookup_cost_micros": "cost_micros"}
# Days are forgotten and lookups are not: what both had come to by now does not tell what one costs.
_BEFORE = {f"{name}_before_bills": name for name in ("lookups_completed", "lookup_cost_micros")}


def upgrade() -> None:
    downgrade()
    for name, column in _COLUMNS.items():
        counted = sa.text(f"SELECT coalesce(sum({column}), 0) FROM lookup_spending")  # noqa: S608 - from here
        if value := int(op.get_bind().execute(counted).scalar_one()):
            op.get_bind().execute(
                sa.text("INSERT INTO totals (name, value) VALUES (:name, :value)"),
                {"name": name, "value": value},
            )
    for before, name in _BEFORE.items():
        kept = sa.text("INSERT INTO totals SELECT :before, value FROM totals WHERE name = :name")
        op.get_bind().execute(kept, {"before": before, "name": name})


def downgrade() -> None:
    op.get_bind().execute(
        sa.text("DELETE FROM totals WHERE name IN :names").bindparams(
            sa.bindparam("names", sorted({**_COLUMNS, **_BEFORE}), expanding=True)
        )
    )
