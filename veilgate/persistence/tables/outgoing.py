"""The tables of what leaves the house: lookups and their price, links that providers are given, webhooks."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Text

from veilgate.persistence.tables.naming import Id, LongText, OwnerId, table

# What providers were asked in a day (UTC, as 2026-11-21), and what that came to in millionths of a US dollar.
lookup_spending = table(
    "lookup_spending",
    Column("day", String(10), primary_key=True),
    Column("provider", String(40), primary_key=True),
    Column("owner_id", OwnerId, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("cached", BigInteger, nullable=False),
    Column("cost_micros", BigInteger, nullable=False),
)

# Under which a veiled copy can be fetched for a while without a key. Of the token only its digest is kept.
shared_links = table(
    "shared_links",
    Column("token_sha256", String(64), primary_key=True),
    Column("image_id", Id, ForeignKey("processed_images.id"), nullable=False),
    Column("object_key", String(255), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Index(None, "image_id"),
    Index(None, "expires_at_ms"),
)

# Where an owner wants to hear of events. `key_prefix` is the key that made it, and it is silent once that is
# no good any more. `events` is a JSON list; NULL in `disabled_reason` = it is on.
webhook_endpoints = table(
    "webhook_endpoints",
    Column("id", Id, primary_key=True),
    Column("owner_id", OwnerId, nullable=False),
    Column("key_prefix", String(16), nullable=True),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("secret", String(120), nullable=False),
    # Signs beside the new one until then, so that receivers have time to change.
    Column("previous_secret", String(120), nullable=True),
    Column("previous_until_ms", BigInteger, nullable=True),
    Column("disabled_reason", String(120), nullable=True),
    # How many sends have failed since one was taken, and until when nothing is sent because of that.
    Column("failures", Integer, nullable=False, default=0),
    Column("paused_until_ms", BigInteger, nullable=False, default=0),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Index(None, "owner_id"),
)

# The outbox: written in the transaction of the event itself, and kept afterwards as the log of deliveries.
webhook_deliveries = table(
    "webhook_deliveries",
    Column("id", Id, primary_key=True),
    Column("endpoint_id", Id, ForeignKey("webhook_endpoints.id"), nullable=False),
    Column("owner_id", OwnerId, nullable=False),
    # Without a job: a test. Those of one job are sent in the order of `seq`, that of its events.
    Column("job_id", Id, nullable=True),
    Column("image_id", Id, nullable=True),
    Column("seq", Integer, nullable=False),
    Column("event", String(40), nullable=False),
    Column("payload", LongText, nullable=False),
    # Who may send and write is who holds the lease of the endpoint, in `leader_leases`.
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("last_status", Integer, nullable=True),
    Column("last_error", String(255), nullable=True),
    Column("last_took_ms", Integer, nullable=True),
    Column("correlation_id", String(64), nullable=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("finished_at_ms", BigInteger, nullable=True),
    Index(None, "endpoint_id", "status", "not_before_ms"),
    Index(None, "endpoint_id", "job_id", "seq"),
    Index(None, "endpoint_id", "created_at_ms"),
    Index(None, "job_id"),
    Index(None, "status", "finished_at_ms"),
)
