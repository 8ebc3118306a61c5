"""The tables that images are found by, and what is left of those that were erased."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String

from veilgate.persistence.tables.naming import Id, LongText, ModelId, OwnerId, Term, table

# One for each image and model. Without a vector: that model cannot embed this picture, and why.
embeddings = table(
    "embeddings",
    Column("image_id", Id, ForeignKey("processed_images.id"), primary_key=True),
    Column("model_id", ModelId, primary_key=True),
    Column("owner_id", OwnerId, nullable=False),
    # Its place in index_log.
    Column("seq", BigInteger, nullable=False),
    # Of the pixels that were embedded: the same ones need no second look.
    Column("picture_sha256", String(64), nullable=False),
    Column("vector", LargeBinary(65_535), nullable=True),
    Column("failure", String(255), nullable=True),
    Index(None, "model_id", "seq"),
    Index(None, "picture_sha256", "model_id"),
)

# What happened to embeddings, in the order of commits: whoever holds an index follows it. `seq` comes from
# a counter row, because AUTO_INCREMENT is not commit order.
index_log = table(
    "index_log",
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("operation", String(8), nullable=False),
    Column("image_id", Id, nullable=False),
    Column("owner_id", OwnerId, nullable=False),
    Column("model_id", ModelId, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index(None, "model_id", "seq"),
    Index(None, "at_ms"),
)

# Which model answers (`serving`), and which is on its way to (`building`).
index_models = table(
    "index_models",
    Column("model_id", ModelId, primary_key=True),
    Column("dimensions", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
)

counters = table(
    "counters",
    Column("name", String(120), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# The words that an owner's images can be found by, each once: what prefixes and slips are held against.
terms = table(
    "terms",
    Column("owner_id", OwnerId, primary_key=True),
    Column("term", Term, primary_key=True),
)

# Each term of letters alone, with one of them left out: two words that differ by one slip share such a
# spelling, or one is such a spelling of the other.
term_spellings = table(
    "term_spellings",
    Column("owner_id", OwnerId, primary_key=True),
    Column("spelling", Term, primary_key=True),
    Column("term", Term, primary_key=True),
)

image_terms = table(
    "image_terms",
    Column("image_id", Id, ForeignKey("processed_images.id"), primary_key=True),
    Column("term", Term, primary_key=True),
    # filename, detected, described, tagged, and providers by name.
    Column("source", String(40), primary_key=True),
    Column("owner_id", OwnerId, nullable=False),
    # With all that ranking reads, in order of time.
    Index(None, "owner_id", "term", "image_id", "source"),
)

# What is left of an image that was erased: no content. `objects` is a JSON list of the keys and prefixes
# where it lay, which `jobs verify` looks at for ever. At `look_at_ms` somebody has to see that nothing is
# there; NULL once nobody can write there any more and nothing was (`swept_at_ms`).
tombstones = table(
    "tombstones",
    Column("image_id", Id, primary_key=True),
    Column("owner_id", OwnerId, nullable=False),
    Column("erased_at_ms", BigInteger, nullable=False),
    Column("objects", LongText, nullable=False),
    Column("look_at_ms", BigInteger, nullable=True),
    Column("swept_at_ms", BigInteger, nullable=True),
    Index(None, "look_at_ms"),
)
