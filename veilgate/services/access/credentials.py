"""Keys and session cookies as texts: a public part that finds the row, and a secret that proves the rest."""

import base64
import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass, field
from enum import StrEnum

from veilgate.persistence.access_records import StoredSecret

_LETTERS = string.ascii_lowercase + string.digits
_PUBLIC_LENGTH = 12
_SECRET_BYTES = 32
_TEXT = re.compile(r"(vgs?)_([a-z0-9]{12})_[A-Za-z0-9_-]{43}")
# What is compared with when there is nothing to compare with, so that both take the same time.
_DIGEST_OF_NOTHING = "0" * 64


class CredentialKind(StrEnum):
    KEY = "vg"
    SESSION = "vgs"


@dataclass(frozen=True, slots=True)
class Credential:
    """`public` may be shown; `text` is the whole secret."""

    kind: CredentialKind
    public: str
    text: str = field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def proves(self, stored: StoredSecret | None) -> bool:
        """Whether this is the text that was stored as a digest; of nothing it proves nothing."""
        wanted = stored.secret_sha256 if stored else _DIGEST_OF_NOTHING
        return hmac.compare_digest(self.sha256, wanted) and stored is not None


def new_credential(kind: CredentialKind) -> Credential:
    public = "".join(secrets.choice(_LETTERS) for _ in range(_PUBLIC_LENGTH))
    secret = base64.urlsafe_b64encode(secrets.token_bytes(_SECRET_BYTES)).rstrip(b"=").decode()
    return Credential(kind, public, f"{kind}_{public}_{secret}")


def read_credential(text: str) -> Credential | None:
    """None of what does not have the form of a key or a cookie."""
    found = _TEXT.fullmatch(text)
    return Credential(CredentialKind(found[1]), found[2], text) if found else None


def is_key(text: str) -> bool:
    """Whether this has the form of a key."""
    return _is_of(CredentialKind.KEY, text)


def is_session(text: str) -> bool:
    """Whether this has the form of a session's cookie."""
    return _is_of(CredentialKind.SESSION, text)


def _is_of(kind: CredentialKind, text: str) -> bool:
    credential = read_credential(text)
    return credential is not None and credential.kind is kind
