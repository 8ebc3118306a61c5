"""Finding images again: embeddings and the log an index follows, words, near-duplicates; and what erasing
leaves."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from migrations.steps import add_column, create_index, create_table, drop_index

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_IMAGE_COLUMNS = (
    sa.Column("near_duplicate_score", sa.Double(), nullable=True),
    sa.Column("duplicate_group", sa.String(length=36), nullable=True),
    sa.Column("description", sa.Text(), nullable=True),
    sa.Column("original_dropped_at_ms", sa.BigInteger(), nullable=True),
)
_IMAGE_INDEXES = (
    ("owner_id", "id"),
    ("owner_id", "filename", "id"),
    ("owner_id", "duplicate_group"),
    ("near_duplicate_of",),
    ("original_dropped_at_ms", "created_at_ms"),
)


def upgrade() -> None:
    for column in _IMAGE_COLUMNS:
        add_column("processed_images", column)
    for columns in _IMAGE_INDEXES:
        create_index("processed_images", *columns)
    _give_tags_owners()
    _create_vectors()
    _create_words()
    create_table(
        "tombstones",
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("erased_at_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "objects",
            sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"),
            nullable=False,
        ),
        sa.Column("look_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("swept_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_tombstones")),
    )
    create_index("tombstones", "look_at_ms")
    # What belongs to a job is found by it when its image is erased; MySQL has two of these, by another name.
    for table in ("batch_items", "direct_uploads", "idempotency_keys"):
        create_index(table, "job_id")


def _give_tags_owners() -> None:
    add_column("tags", sa.Column("owner_id", sa.String(length=36), nullable=True))
    op.execute(
        "UPDATE tags SET owner_id = (SELECT owner_id FROM processed_images WHERE id = tags.image_id)"
        " WHERE owner_id IS NULL"
    )
    with op.batch_alter_table("tags") as batch:
        batch.alter_column("owner_id", existing_type=sa.String(length=36), nullable=False)
    create_index("tags", "owner_id", "tag", "image_id")
    drop_index("tags", "tag")


def _create_vectors() -> None:
    create_table(
        "embeddings",
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("model_id", sa.String(length=80), nullable=False),
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("picture_sha256", sa.String(length=64), nullable=False),
        sa.Column("vector", sa.LargeBinary(65_535), nullable=True),
        sa.Column("failure", sa.String(length=255), nullable=True),
        sa.ForeignKeyConstraint(["image_id"], ["processed_images.id"], name=op.f("fk_embeddings_image_id")),
        sa.PrimaryKeyConstraint("image_id", "model_id", name=op.f("pk_embeddings")),
    )
    create_index("embeddings", "model_id", "seq")
    create_index("embeddings", "picture_sha256", "model_id")
    create_table(
        "index_log",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("operation", sa.String(length=8), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("model_id", sa.String(length=80), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_index_log")),
    )
    create_index("index_log", "model_id", "seq")
    create_index("index_log", "at_ms")
    create_table(
        "index_models",
        sa.Column("model_id", sa.String(length=80), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_index_models")),
    )
    create_table(
        "counters",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )


def _create_words() -> None:
    create_table(
        "terms",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("term", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "term", name=op.f("pk_terms")),
    )
    create_table(
        "term_spellings",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("spelling", sa.String(length=40), nullable=False),
        sa.Column("term", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "spelling", "term", name=op.f("pk_term_spellings")),
    )
    create_table(
        "image_terms",
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("term", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["processed_images.id"], name=op.f("fk_image_terms_image_id")),
        sa.PrimaryKeyConstraint("image_id", "term", "source", name=op.f("pk_image_terms")),
    )
    create_index("image_terms", "owner_id", "term", "image_id", "source")


def downgrade() -> None:
    for table in (
        "tombstones",
        "image_terms",
        "term_spellings",
        "terms",
        "counters",
        "index_models",
        "index_log",
        "embeddings",
    ):
        op.drop_table(table)
    for columns in _IMAGE_INDEXES:
        op.drop_index(f"ix_processed_images_{'_'.join(columns)}", "processed_images")
    with op.batch_alter_table("processed_images") as batch:
        for column in _IMAGE_COLUMNS:
            batch.drop_column(column.name)
    op.create_index("ix_tags_tag", "tags", ["tag"])
    op.drop_index("ix_tags_owner_id_tag_image_id", "tags")
    with op.batch_alter_table("tags") as batch:
        batch.drop_column("owner_id")
