"""API keys: made, shown once, rotated and revoked. Nobody can read a key back, we neither."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from veilgate.domain.access import Scope, is_owner_name
from veilgate.domain.rejections import InvalidOption
from veilgate.persistence.access_records import ApiKeyRecord, NewApiKey
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.access.audit import Audit, AuditAction
from veilgate.services.access.credentials import CredentialKind, new_credential

LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class NewKey:
    """`text` is the key itself, which is nowhere else."""

    text: str = field(repr=False)
    record: ApiKeyRecord


class Keys:
    """Every change is written down in the audit log, with the `actor` who makes it."""

    def __init__(self, database: Database, *, actor: str = "cli") -> None:
        self._database = database
        self._audit = Audit(database)
        self._actor = actor

    @again_after_deadlock
    def create(
        self, owner_id: str, scopes: frozenset[Scope], *, name: str = "", expires_in_s: int | None = None
    ) -> NewKey:
        """Raises `InvalidOption` for an owner or a name that cannot be given, or a key good for nothing."""
        if not is_owner_name(owner_id):
            raise InvalidOption("An owner is 1 to 36 letters, digits and . _ @ -, and not 'anonymous'.")
        if len(name) > LONGEST_NAME or not (name.isprintable() or name == ""):
            raise InvalidOption(f"A key's name has at most {LONGEST_NAME} characters, all printable.")
        if not scopes:
            raise InvalidOption("A key without a scope is good for nothing.")
        if expires_in_s is not None and expires_in_s <= 0:
            raise InvalidOption("A key must be good for some time.")
        lifetime_ms = None if expires_in_s is None else expires_in_s * 1000
        with self._database.write() as transaction:
            made = _insert(transaction, owner_id, scopes, name=name, lifetime_ms=lifetime_ms)
            self._write_down(transaction, AuditAction.KEY_CREATED, made.record)
        return made

    def list(self, owner_id: str | None = None) -> Sequence[ApiKeyRecord]:
        """Everybody's or one owner's, the oldest first; those that are not good any more as well."""
        with self._database.read() as transaction:
            return transaction.keys.list(owner_id)

    @again_after_deadlock
    def revoke(self, prefix: str) -> bool:
        """End a key now; False when it was revoked before. Raises `InvalidOption` when there is none."""
        with self._database.write() as transaction:
            record = _held(transaction, prefix)
            if not transaction.keys.revoke(prefix):
                return False
            self._write_down(transaction, AuditAction.KEY_REVOKED, record)
        return True

    @again_after_deadlock
    def rotate(self, prefix: str, *, overlap_s: int) -> NewKey:
        """A new key for the same owner with the same name and scopes, for as long as the old one was given;
        that one ends when the overlap does. Raises `InvalidOption` when it is not good any more."""
        with self._database.write() as transaction:
            old = _held(transaction, prefix)
            if not old.is_usable:
                raise InvalidOption("This key is revoked or has expired: create one instead.")
            lifetime_ms = None if old.expires_at_ms is None else old.expires_at_ms - old.created_at_ms
            made = _insert(transaction, old.owner_id, old.scopes, name=old.name, lifetime_ms=lifetime_ms)
            transaction.keys.expire_within(prefix, overlap_s * 1000)
            transaction.webhook_endpoints.hand_on(prefix, made.record.prefix)
            self._write_down(transaction, AuditAction.KEY_ROTATED, old)
            self._write_down(transaction, AuditAction.KEY_CREATED, made.record)
        return made

    def any_usable(self) -> bool:
        """Whether anybody has a key that is good now."""
        with self._database.read() as transaction:
            return transaction.keys.any_usable()

    def _write_down(self, transaction: Transaction, action: AuditAction, record: ApiKeyRecord) -> None:
        self._audit.write_in(
            transaction, action, owner_id=record.owner_id, actor=self._actor, subject=f"key:{record.prefix}"
        )


def _held(transaction: Transaction, prefix: str) -> ApiKeyRecord:
    transaction.keys.hold(prefix)
    record = transaction.keys.get(prefix)
    if record is None:
        # Without what was given: somebody may have given a whole key.
        raise InvalidOption("There is no such key.")
    return record


def _insert(
    transaction: Transaction, owner_id: str, scopes: frozenset[Scope], *, name: str, lifetime_ms: int | None
) -> NewKey:
    credential = new_credential(CredentialKind.KEY)
    transaction.keys.insert(
        NewApiKey(credential.public, owner_id, name, scopes, credential.sha256, lifetime_ms)
    )
    record = transaction.keys.get(credential.public)
    assert record
    return NewKey(credential.text, record)
