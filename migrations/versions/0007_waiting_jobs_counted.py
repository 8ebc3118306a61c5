"""How many jobs wait, by kind and lane, is read from an index alone: it is asked every few seconds."""

from migrations.steps import create_index, drop_index

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_DUE = ("status", "dispatched_at_ms", "not_before_ms")


def upgrade() -> None:
    create_index("jobs", *_DUE, "kind", "lane")
    drop_index("jobs", *_DUE)


def downgrade() -> None:
    create_index("jobs", *_DUE)
    drop_index("jobs", *_DUE, "kind", "lane")
