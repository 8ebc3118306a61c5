"""API keys: whose they are and how long they are good. Of a key itself only the digest is here."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from database_models import api_keys
from veilgate.domain.access import EVERY_SCOPE, Scope
from veilgate.persistence.access_records import ApiKeyRecord, NewApiKey, StoredSecret
from veilgate.persistence.clock import now_ms

_K = api_keys.c
# A key that is used a thousand times a second is written down once a minute.
_USE_NOTED_EVERY_MS = 60_000
USABLE = and_(_K.revoked_at_ms.is_(None), or_(_K.expires_at_ms.is_(None), _K.expires_at_ms > now_ms()))
USE_IS_DUE = or_(_K.last_used_at_ms.is_(None), _K.last_used_at_ms <= now_ms() - _USE_NOTED_EVERY_MS)
_SHOWN = tuple(_K[name] for name in ApiKeyRecord.__dataclass_fields__ if name != "is_usable")


class KeyRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, key: NewApiKey) -> None:
        lifetime_ms = key.lifetime_ms
        self._connection.execute(
            api_keys.insert().values(
                prefix=key.prefix,
                owner_id=key.owner_id,
                name=key.name,
                scopes=scopes_text(key.scopes),
                secret_sha256=key.secret_sha256,
                created_at_ms=now_ms(),
                expires_at_ms=None if lifetime_ms is None else now_ms() + lifetime_ms,
            )
        )

    def usable_secret(self, prefix: str) -> StoredSecret | None:
        """What a key with this prefix must prove; None of one that is unknown, revoked or expired."""
        row = self._connection.execute(
            select(
                _K.owner_id,
                _K.scopes,
                _K.secret_sha256,
                (_K.expires_at_ms - now_ms()).label("left_ms"),
                USE_IS_DUE.label("use_is_due"),
            ).where(_K.prefix == prefix, USABLE)
        ).one_or_none()
        if row is None:
            return None
        return StoredSecret(
            key_prefix=prefix,
            owner_id=row.owner_id,
            scopes=scopes_in(row.scopes),
            secret_sha256=row.secret_sha256,
            left_ms=row.left_ms,
            use_is_due=bool(row.use_is_due),
        )

    def get(self, prefix: str) -> ApiKeyRecord | None:
        found = self._records(_K.prefix == prefix)
        return found[0] if found else None

    def hold(self, prefix: str) -> None:
        """Keep others from changing the key until the transaction ends."""
        self._connection.execute(select(_K.prefix).where(_K.prefix == prefix).with_for_update())

    def list(self, owner_id: str | None = None) -> Sequence[ApiKeyRecord]:
        """The oldest first."""
        return self._records(*([] if owner_id is None else [_K.owner_id == owner_id]))

    def any_usable(self) -> bool:
        return self._connection.execute(select(_K.prefix).where(USABLE).limit(1)).first() is not None

    def revoke(self, prefix: str) -> bool:
        """False when it was revoked before."""
        result = self._connection.execute(
            update(api_keys)
            .where(_K.prefix == prefix, _K.revoked_at_ms.is_(None))
            .values(revoked_at_ms=now_ms())
        )
        return result.rowcount == 1

    def expire_within(self, prefix: str, left_ms: int) -> None:
        """Let it be good for so long at most; what ends before then is left."""
        self._connection.execute(
            update(api_keys)
            .where(
                _K.prefix == prefix,
                or_(_K.expires_at_ms.is_(None), _K.expires_at_ms > now_ms() + left_ms),
            )
            .values(expires_at_ms=now_ms() + left_ms)
        )

    def note_use(self, prefix: str) -> None:
        """Write down that the key was used, unless that was done within the last minute or somebody else is
        at its row."""
        free = select(_K.prefix).where(_K.prefix == prefix, USE_IS_DUE).with_for_update(skip_locked=True)
        if self._connection.execute(free).first() is not None:
            self._connection.execute(
                update(api_keys).where(_K.prefix == prefix).values(last_used_at_ms=now_ms())
            )

    def _records(self, *conditions: ColumnElement[bool]) -> Sequence[ApiKeyRecord]:
        rows = self._connection.execute(
            select(*_SHOWN, USABLE.label("is_usable"))
            .where(*conditions)
            .order_by(_K.created_at_ms, _K.prefix)
        ).mappings()
        return [
            ApiKeyRecord(**{**row, "scopes": scopes_in(row["scopes"]), "is_usable": bool(row["is_usable"])})
            for row in rows
        ]


def scopes_text(scopes: frozenset[Scope]) -> str:
    """Scopes as a row holds them."""
    return " ".join(sorted(scopes))


def scopes_in(text: str) -> frozenset[Scope]:
    """Of a row that a newer version wrote, what this one knows."""
    return frozenset(Scope(word) for word in text.split() if word in EVERY_SCOPE)
