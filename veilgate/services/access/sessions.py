"""What a browser is given in place of a key: a cookie, and a token that proves that a page of ours asks."""

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime

from veilgate.domain.access import Caller
from veilgate.domain.errors import Unauthorized
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.unit_of_work import Database
from veilgate.services.access.access import Access
from veilgate.services.access.audit import Audit, AuditAction
from veilgate.services.access.credentials import Credential, CredentialKind, new_credential, read_credential

_CSRF_LABEL = b"veilgate csrf token 1"


@dataclass(frozen=True, slots=True)
class OpenSession:
    """`cookie` is the secret; `expires_at` is in seconds since 1970 UTC."""

    cookie: str = field(repr=False)
    csrf_token: str = field(repr=False)
    expires_at: int
    caller: Caller

    @property
    def expires_at_utc(self) -> datetime:
        return datetime.fromtimestamp(self.expires_at, UTC)


def csrf_token(cookie: str) -> str:
    """The token that belongs to a cookie. Only who has the cookie can make it, and no page can read that."""
    return hmac.digest(cookie.encode("utf-8", "surrogatepass"), _CSRF_LABEL, "sha256").hex()


class Sessions:
    """Sessions are opened with keys only, live for `lifetime_s`, and end with their key at the latest."""

    def __init__(self, database: Database, access: Access, *, lifetime_s: int) -> None:
        self._database = database
        self._access = access
        self._audit = Audit(database)
        self._lifetime_s = lifetime_s

    def open(
        self, key_text: str, *, client: str | None = None, correlation_id: str | None = None
    ) -> OpenSession:
        """Raises `Unauthorized` for whatever is no good key, tokens and other sessions among them."""
        key = read_credential(key_text)
        if key is None or key.kind is not CredentialKind.KEY:
            raise Unauthorized
        # Before anything is written: who guesses keys must not keep the database busy.
        caller = self._access.identify(key_text)
        cookie = new_credential(CredentialKind.SESSION)
        expires_at_ms = self._insert(cookie, key, caller, client=client, correlation_id=correlation_id)
        return OpenSession(cookie.text, csrf_token(cookie.text), expires_at_ms // 1000, caller)

    def close(self, cookie: str, *, client: str | None = None, correlation_id: str | None = None) -> None:
        """End a session; one that has ended is left in peace."""
        credential = read_credential(cookie)
        if credential is None or credential.kind is not CredentialKind.SESSION:
            return
        with self._database.read() as transaction:
            stored = transaction.sessions.usable_secret(credential.public)
        if credential.proves(stored) and stored is not None:
            caller = Caller(stored.owner_id, stored.scopes, f"key:{stored.key_prefix}")
            self._delete(credential, caller, client=client, correlation_id=correlation_id)
        self._access.forget(cookie)

    @again_after_deadlock
    def _insert(
        self,
        cookie: Credential,
        key: Credential,
        caller: Caller,
        *,
        client: str | None,
        correlation_id: str | None,
    ) -> int:
        """When it expires."""
        with self._database.write() as transaction:
            stored = transaction.keys.usable_secret(key.public)
            if stored is None:  # revoked a moment ago
                raise Unauthorized
            lifetime_ms = self._lifetime_s * 1000
            left_ms = lifetime_ms if stored.left_ms is None else min(lifetime_ms, stored.left_ms)
            expires_at_ms = transaction.now_ms() + left_ms
            transaction.sessions.insert(
                cookie.public,
                key_prefix=key.public,
                secret_sha256=cookie.sha256,
                expires_at_ms=expires_at_ms,
            )
            self._audit.write_in(
                transaction,
                AuditAction.SESSION_OPENED,
                owner_id=caller.owner_id,
                actor=caller.credential_id,
                subject=f"session:{cookie.public}",
                client=client,
                correlation_id=correlation_id,
            )
        return expires_at_ms

    @again_after_deadlock
    def _delete(
        self, cookie: Credential, caller: Caller, *, client: str | None, correlation_id: str | None
    ) -> None:
        with self._database.write() as transaction:
            if transaction.sessions.delete(cookie.public):
                self._audit.write_in(
                    transaction,
                    AuditAction.SESSION_CLOSED,
                    owner_id=caller.owner_id,
                    actor=caller.credential_id,
                    subject=f"session:{cookie.public}",
                    client=client,
                    correlation_id=correlation_id,
                )
