"""Keys, sessions and the audit log as values."""

from dataclasses import dataclass
from typing import Literal

from veilgate.domain.access import Scope


@dataclass(frozen=True, slots=True)
class NewApiKey:
    prefix: str
    owner_id: str
    name: str
    scopes: frozenset[Scope]
    secret_sha256: str
    lifetime_ms: int | None


@dataclass(frozen=True, slots=True)
class ApiKeyRecord:
    """A key without its digest. `is_usable`: neither revoked nor expired when it was read."""

    prefix: str
    owner_id: str
    name: str
    scopes: frozenset[Scope]
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None
    last_used_at_ms: int | None
    is_usable: bool

    @property
    def state(self) -> Literal["usable", "expired", "revoked"]:
        if self.revoked_at_ms is not None:
            return "revoked"
        return "usable" if self.is_usable else "expired"


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """What a key or a session must prove, and what it is good for then: for another `left_ms`, or for ever.

    `use_is_due`: that the key is used should be written down again.
    """

    key_prefix: str
    owner_id: str
    scopes: frozenset[Scope]
    secret_sha256: str
    left_ms: int | None
    use_is_due: bool


@dataclass(frozen=True, slots=True)
class NewAuditEntry:
    id: str
    owner_id: str
    actor: str
    action: str
    subject: str
    client: str | None
    correlation_id: str | None


@dataclass(frozen=True, slots=True)
class AuditRecord(NewAuditEntry):
    at_ms: int
