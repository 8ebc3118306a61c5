"""The tables and how their parts are named. No queries live here: those are in veilgate/persistence.

Times are integers: milliseconds since 1970 UTC, always read from the database's own clock, so that no
host's clock or time zone takes part in a decision. Identifiers are UUID texts. Every row that belongs to
somebody says to whom (`owner_id`). What images are found by,
and what leaves the house, is in veilgate/persistence/tables.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
)
from sqlalchemy.dialects import mysql

from veilgate.persistence.tables.naming import Id, LongText, OwnerId, table

processed_images = table(
    "processed_images",
    Column("id", Id, primary_key=True),
    Column("owner_id", OwnerId, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("filename", String(255), nullable=False),
    Column("file_size", BigInteger, nullable=False),
    Column("format", String(8), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("original_key", String(255), nullable=False),
    Column("current_job_id", Id, nullable=True),
    # Whose answers are shown of what was looked up about it.
    Column("current_lookup_id", Id, nullable=True),
    # The likest of the owner's images that were indexed before it, if any is near enough; images that hang
    # together so share a group, named after its first.
    Column("near_duplicate_of", Id, nullable=True),
    Column("near_duplicate_score", Double, nullable=True),
    Column("duplicate_group", Id, nullable=True),
    # What its owner says of it.
    Column("description", Text, nullable=True),
    # Set once the original was deleted because ORIGINALS_KEPT_DAYS were over.
    Column("original_dropped_at_ms", BigInteger, nullable=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Index(None, "owner_id", "sha256"),
    Index(None, "owner_id", "created_at_ms"),
    Index(None, "owner_id", "id"),
    Index(None, "owner_id", "filename", "id"),
    Index(None, "owner_id", "duplicate_group"),
    Index(None, "near_duplicate_of"),
    Index(None, "original_dropped_at_ms", "created_at_ms"),
)

jobs = table(
    "jobs",
    Column("id", Id, primary_key=True),
    Column("owner_id", OwnerId, nullable=False),
    Column("image_id", Id, ForeignKey("processed_images.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("lane", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    # Who may write: every claim draws a higher fence, and writes by an older one touch no row.
    Column("fence", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("deliveries", Integer, nullable=False, default=0),
    # A picture that was in a process that died runs alone next time, so that its guilt shows.
    Column("suspect", Boolean, nullable=False, default=False),
    Column("ran_alone", Boolean, nullable=False, default=False),
    Column("worker", String(120), nullable=True),
    Column("lease_until_ms", BigInteger, nullable=True),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("dispatched_at_ms", BigInteger, nullable=True),
    Column("options", Text, nullable=False),
    # What makes a second upload a double of the first one's; only the one job that stands for it has it.
    Column("dedup_key", String(64), nullable=True),
    # Whether a lookup is to begin in the transaction that shows this job's result.
    Column("then_lookup", Boolean, nullable=False, default=False),
    Column("event_seq", Integer, nullable=False, default=0),
    Column("error_code", String(64), nullable=True),
    Column("error_message", Text, nullable=True),
    Column("result_key", String(255), nullable=True),
    Column("results", LongText, nullable=True),
    Column("correlation_id", String(64), nullable=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("started_at_ms", BigInteger, nullable=True),
    Column("finished_at_ms", BigInteger, nullable=True),
    Index(None, "image_id"),
    # With all that is asked of jobs that wait: of a million and 100,000 that wait MariaDB read every row to
    # count them (600 ms), where the index alone takes 45.
    Index(None, "status", "dispatched_at_ms", "not_before_ms", "kind", "lane"),
    Index(None, "status", "lease_until_ms"),
    Index(None, "dedup_key", unique=True),
)

batches = table(
    "batches",
    Column("id", Id, primary_key=True),
    Column("owner_id", OwnerId, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

batch_items = table(
    "batch_items",
    Column("batch_id", Id, ForeignKey("batches.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("filename", String(255), nullable=False),
    Column("sha256", String(64), nullable=True),
    Column("job_id", Id, ForeignKey("jobs.id"), nullable=True),
    # Here and below: what the first answer said, so that a repeated request gets the same one.
    Column("deduplicated", Boolean, nullable=False, default=False),
    Column("error_code", String(64), nullable=True),
    Column("error_message", Text, nullable=True),
    Index(None, "job_id"),
)

# Uploads that go straight to the object store: what was announced, and which job came of it.
direct_uploads = table(
    "direct_uploads",
    Column("id", Id, primary_key=True),
    Column("owner_id", OwnerId, nullable=False),
    Column("filename", String(255), nullable=False),
    Column("file_size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("options", Text, nullable=False),
    Column("object_key", String(255), nullable=False),
    Column("job_id", Id, ForeignKey("jobs.id"), nullable=True),
    Column("deduplicated", Boolean, nullable=False, default=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Index(None, "job_id"),
    Index(None, "created_at_ms"),
)

stage_events = table(
    "stage_events",
    Column("job_id", Id, ForeignKey("jobs.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, nullable=False),
    Column("stage", String(40), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("payload", LongText, nullable=False),
    Column("took_ms", Integer, nullable=True),
    Column("model", String(80), nullable=True),
    Column("created_at_ms", BigInteger, nullable=False),
)

tags = table(
    "tags",
    Column("image_id", Id, ForeignKey("processed_images.id"), primary_key=True),
    Column("tag", String(80), primary_key=True),
    Column("source", String(40), primary_key=True),
    Column("owner_id", OwnerId, nullable=False),
    Column("count", Integer, nullable=False),
    # An owner's images with a tag, in order of time, whatever others have.
    Index(None, "owner_id", "tag", "image_id"),
)

idempotency_keys = table(
    "idempotency_keys",
    Column("owner_id", OwnerId, primary_key=True),
    # Keys are compared byte for byte, whatever a database's default collation does with case.
    Column(
        "idempotency_key",
        LargeBinary(255).with_variant(mysql.VARBINARY(255), "mysql", "mariadb"),
        primary_key=True,
    ),
    Column("fingerprint", String(64), nullable=False),
    Column("job_id", Id, nullable=True),
    Column("batch_id", Id, nullable=True),
    Column("deduplicated", Boolean, nullable=False, default=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Index(None, "job_id"),
    Index(None, "created_at_ms"),
)

# Of a key only its digest is kept. `prefix` is the part of it that may be shown, and finds the row.
api_keys = table(
    "api_keys",
    Column("prefix", String(16), primary_key=True),
    Column("owner_id", OwnerId, nullable=False),
    Column("name", String(80), nullable=False),
    Column("scopes", String(80), nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=True),
    Column("revoked_at_ms", BigInteger, nullable=True),
    Column("last_used_at_ms", BigInteger, nullable=True),
    Index(None, "owner_id"),
)

# What a browser has in place of a key; it ends with its key at the latest.
browser_sessions = table(
    "browser_sessions",
    Column("id", String(16), primary_key=True),
    Column("key_prefix", String(16), ForeignKey("api_keys.prefix"), nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Index(None, "key_prefix"),
    Index(None, "expires_at_ms"),
)

# Who saw an original, deleted, or changed a key. Rows are only added.
audit_log = table(
    "audit_log",
    Column("id", Id, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("owner_id", OwnerId, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("action", String(40), nullable=False),
    Column("subject", String(120), nullable=False),
    Column("client", String(64), nullable=True),
    Column("correlation_id", String(64), nullable=True),
    Index(None, "at_ms"),
)

leader_leases = table(
    "leader_leases",
    Column("name", String(40), primary_key=True),
    Column("holder", String(120), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)

totals = table(
    "totals",
    Column("name", String(40), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
