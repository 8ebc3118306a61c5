"""Who a credential stands for: asked with every request, and looked up every five seconds."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from veilgate.domain.access import Caller
from veilgate.domain.errors import Unauthorized
from veilgate.persistence.access_records import StoredSecret
from veilgate.persistence.unit_of_work import Database
from veilgate.services.access.credentials import Credential, CredentialKind, read_credential
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
# How long a revoked key may still be believed by a gateway that saw it while it was good.
BELIEVED_S = 5.0
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """A caller, and for how long the credential is good for it."""

    caller: Caller
    left_s: float


class TokenReader(Protocol):
    """Tokens that somebody else signs."""

    def identify(self, token: str) -> Found:
        """Raises `Unauthorized`."""
        ...


class Access:
    """Good credentials are remembered by their digest; wrong ones are not, and are looked up each time."""

    def __init__(
        self,
        database: Database,
        tokens: TokenReader | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock
        self._known: dict[bytes, tuple[Caller, float]] = {}
        self._changing = threading.Lock()
        self._forgotten = 0
        self._noting_use = threading.Lock()

    def at_once(self, credential: str) -> Caller | None:
        """The caller, if that was looked up less than five seconds ago and the credential has not expired
        since. Reads nothing and waits for nobody."""
        caller, good_until = self._known.get(_digest(credential), (None, 0.0))
        return caller if self._clock() < good_until else None

    def identify(self, credential: str) -> Caller:
        """The caller. Raises `Unauthorized`, which is the same whatever is wrong, and `DatabaseUnavailable`
        when that cannot be told now."""
        if caller := self.at_once(credential):
            return caller
        began_s, forgotten = self._clock(), self._forgotten
        found = self._look_up(credential)
        good_until = began_s + min(BELIEVED_S, found.left_s)
        with self._changing:
            # Or a session that was closed while we looked would live on here.
            if forgotten == self._forgotten:
                self._remember(_digest(credential), found.caller, good_until)
        return found.caller

    def forget(self, credential: str) -> None:
        """Look it up anew the next time that it is shown."""
        with self._changing:
            self._forgotten += 1
            self._known.pop(_digest(credential), None)

    def _remember(self, digest: bytes, caller: Caller, good_until: float) -> None:
        self._known.pop(digest, None)
        if len(self._known) >= _MOST_REMEMBERED:
            # The one that was looked up longest ago.
            del self._known[next(iter(self._known))]
        self._known[digest] = (caller, good_until)

    def _look_up(self, credential: str) -> Found:
        if (ours := read_credential(credential)) is not None:
            return self._found_here(ours)
        if self._tokens is None:
            raise Unauthorized
        return self._tokens.identify(credential)

    def _found_here(self, credential: Credential) -> Found:
        with self._database.read() as transaction:
            kept = transaction.keys if credential.kind is CredentialKind.KEY else transaction.sessions
            stored = kept.usable_secret(credential.public)
        if not credential.proves(stored) or stored is None:
            raise Unauthorized
        if stored.use_is_due:
            self._note_use(stored.key_prefix)
        left_s = BELIEVED_S if stored.left_ms is None else stored.left_ms / 1000
        return Found(_caller(stored), left_s)

    def _note_use(self, key_prefix: str) -> None:
        """Write down that a key is used, if that takes no longer than a moment. It is not worth a failure."""
        if not self._noting_use.acquire(blocking=False):
            return
        try:
            with self._database.write_if_free() as transaction:
                transaction.keys.note_use(key_prefix)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller has shown a good key
            _log.debug("access.use_not_noted", error=type(error).__name__)
        finally:
            self._noting_use.release()


def _caller(stored: StoredSecret) -> Caller:
    return Caller(stored.owner_id, stored.scopes, f"key:{stored.key_prefix}")


def _digest(credential: str) -> bytes:
    return hashlib.sha256(credential.encode("utf-8", "surrogatepass")).digest()
