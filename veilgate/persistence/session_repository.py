"""Browser sessions. Each hangs on a key, and is good for nothing once that is not."""

from sqlalchemy import Connection, select

from database_models import api_keys, browser_sessions
from veilgate.persistence.access_records import StoredSecret
from veilgate.persistence.clock import now_ms
from veilgate.persistence.key_repository import USABLE, USE_IS_DUE, scopes_in

_S, _K = browser_sessions.c, api_keys.c


class SessionRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, session_id: str, *, key_prefix: str, secret_sha256: str, expires_at_ms: int) -> None:
        self._connection.execute(
            browser_sessions.insert().values(
                id=session_id,
                key_prefix=key_prefix,
                secret_sha256=secret_sha256,
                expires_at_ms=expires_at_ms,
            )
        )

    def usable_secret(self, session_id: str) -> StoredSecret | None:
        """What a session must prove; None of one that is unknown or over, or whose key is no longer good."""
        row = self._connection.execute(
            select(
                _S.key_prefix,
                _K.owner_id,
                _K.scopes,
                _S.secret_sha256,
                (_S.expires_at_ms - now_ms()).label("left_ms"),
                (_K.expires_at_ms - now_ms()).label("key_left_ms"),
                USE_IS_DUE.label("use_is_due"),
            )
            .join(api_keys, _K.prefix == _S.key_prefix)
            .where(_S.id == session_id, _S.expires_at_ms > now_ms(), USABLE)
        ).one_or_none()
        if row is None:
            return None
        return StoredSecret(
            key_prefix=row.key_prefix,
            owner_id=row.owner_id,
            scopes=scopes_in(row.scopes),
            secret_sha256=row.secret_sha256,
            left_ms=row.left_ms if row.key_left_ms is None else min(row.left_ms, row.key_left_ms),
            use_is_due=bool(row.use_is_due),
        )

    def delete(self, session_id: str) -> bool:
        """False when it was gone before."""
        result = self._connection.execute(browser_sessions.delete().where(_S.id == session_id))
        return result.rowcount == 1

    def forget_expired(self) -> int:
        result = self._connection.execute(browser_sessions.delete().where(_S.expires_at_ms <= now_ms()))
        return result.rowcount
