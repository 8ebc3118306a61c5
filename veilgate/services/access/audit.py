"""What somebody may be asked about later: who saw an original, deleted, or changed a key or a webhook."""

from collections.abc import Sequence
from enum import StrEnum

from veilgate.domain.ids import new_id
from veilgate.persistence.access_records import AuditRecord, NewAuditEntry
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.unit_of_work import Database, Transaction


class AuditAction(StrEnum):
    ORIGINAL_READ = "original.read"
    IMAGE_DELETED = "image.deleted"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    KEY_ROTATED = "key.rotated"
    SESSION_OPENED = "session.opened"
    SESSION_CLOSED = "session.closed"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_ROTATED = "webhook.rotated"
    WEBHOOK_DELETED = "webhook.deleted"


class Audit:
    """`owner_id` is whose thing it is, `actor` the credential or the person at the command line, `subject`
    the thing, and `client` the address that it came from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @again_after_deadlock
    def write(
        self,
        action: AuditAction,
        *,
        owner_id: str,
        actor: str,
        subject: str,
        client: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        """Returns when it is written, and raises when it cannot be: do nothing that must be audited then."""
        with self._database.write() as transaction:
            self.write_in(
                transaction,
                action,
                owner_id=owner_id,
                actor=actor,
                subject=subject,
                client=client,
                correlation_id=correlation_id,
            )

    def write_in(
        self,
        transaction: Transaction,
        action: AuditAction,
        *,
        owner_id: str,
        actor: str,
        subject: str,
        client: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        """Beside what is done, in its transaction: both are there afterwards, or neither."""
        transaction.audit.insert(
            NewAuditEntry(new_id(), owner_id, actor, action, subject, client, correlation_id)
        )

    def list(self, *, since_ms: int, limit: int, owner_id: str | None = None) -> Sequence[AuditRecord]:
        """Entries from a moment on (milliseconds since 1970 UTC), the newest first."""
        with self._database.read() as transaction:
            return transaction.audit.list(since_ms=since_ms, limit=limit, owner_id=owner_id)
